"""A finished session looked back on: each frame against the frames before and after it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nebulift.session.sky_map import SkyMap
from nebulift.session.star_match import Motion
from nebulift.session.state import FIRST_MAPS, NEWEST_MAPS, FrameScalars, GroupState

NEAR_FRAMES = 60  # to either side


@dataclass(frozen=True, slots=True)
class Witness:
    """What one frame left behind in its group when the session was gone through in order of time."""

    group: str
    session: int  # number of the group's session, from 1
    scalars: FrameScalars
    sky_map: SkyMap | None  # ``None``: the frame was not clean
    trails: tuple[tuple[float, float, float, float], ...]
    motion: Motion | None  # the newest known one when the frame had been seen


def witness_of(state: GroupState, session: int) -> Witness:
    """The newest frame of ``state`` as a witness."""
    newest = state.history[-1]
    return Witness(
        state.group,
        session,
        newest,
        state.sky_maps[-1] if newest.good and state.sky_maps else None,
        state.trails[-1],
        state.catalogue.motion if state.catalogue else None,
    )


def hindsight(witnesses: Sequence[Witness], position: int, final: GroupState) -> GroupState:
    """The state to compare the frame at ``position`` of its session with: all near frames but itself, nearest last.

    ``final``: the group's state after the session; its stars are the measure.
    """
    near = sorted(
        (index for index in range(len(witnesses)) if 0 < abs(index - position) <= NEAR_FRAMES),
        key=lambda index: -abs(index - position),
    )
    before = (witnesses[position - 1].motion if position else None) or Motion()
    own = witnesses[position].motion or before
    places = [index for index in near if _is_alike(witnesses[index], own)]
    maps = [one for one in (witnesses[index].sky_map for index in _first_and_nearest(places)) if one]
    catalogue = final.catalogue and replace(final.catalogue, motion=before)
    return GroupState(
        final.group,
        None,
        len(witnesses),
        tuple(witnesses[index].scalars for index in near),
        catalogue,
        tuple(maps),
        tuple(witnesses[index].trails for index in near),
        origin=final.origin,
        is_distrusted=True,  # that has been said when the session was gone through
    )


def _is_alike(witness: Witness, own: Motion) -> bool:
    """Whether the witness has a map of the sky that was taken the same way up."""
    return witness.sky_map is not None and witness.sky_map.is_turned == own.is_turned


def _first_and_nearest(places: Sequence[int]) -> list[int]:
    """Of places in a session, nearest last: the first ones in time and, after them, the nearest ones."""
    nearest = list(places[-NEWEST_MAPS:])
    return [place for place in sorted(places)[:FIRST_MAPS] if place not in nearest] + nearest
