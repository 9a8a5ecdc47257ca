"""``GroupState``: what a group of frames looked like so far. Plain, frozen, serialisable, under 64 kB.

Only frames that were judged clean enter the reference: while frames are bad it stands still and learns no defect.
"""

import base64
import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nebulift.almanac import airmass_of
from nebulift.assessment import TRAILED_COHERENCE, seen_elongation
from nebulift.exposure import Exposure
from nebulift.measurements import DETECTOR_VERSION, Coverage, Measurements, Stars
from nebulift.session.glimpse import Glimpse
from nebulift.session.sky_map import SkyMap, sky_map_of
from nebulift.session.star_match import Match, Motion
from nebulift.verdict import Label

KEPT_FRAMES = 120  # scalars of so many frames: a night of five-minute subs
NEWEST_MAPS = 5  # sky maps of clean frames: their median removes what is the same in every frame
FIRST_MAPS = 2  # of the session, or since the flip: what creeps in slowly is not in them
KEPT_MAPS = NEWEST_MAPS + FIRST_MAPS
KEPT_TRAILS = 12  # frames whose trails are remembered: what comes back in the same place is no satellite
CATALOGUE_STARS = 120
MIN_SHAPES = 8  # the median width of fewer scatters by a tenth or more: what seeing does
FEW_SHAPES = 2  # tell whether images have doubled, if they are known stars; three, if they may be others
MIN_CATALOGUE = 2  # that two are the same two again is no chance (star_match.match_few)
FEW_CATALOGUE = 4  # from here on two may go behind a cloud, and the other two still tell the field
APART_FWHM, APART_PX = 3.0, 12.0  # between the stars of a smaller one, at least: nearer ones are knots of one nebula
BORDER_PX = 18.0  # nearer to a border a star may have lost light
OUTSHONE, OUTSHONE_STARS = 3, 30  # times the stars, and so many: then its own frame was the clouded one
MANY_STARS = 12  # a catalogue of so many may hold faint ones: their errors cancel
BRIGHT_SNR = 15.0  # of each star in a smaller one: a star that noise lifted is fainter in every later frame
NOISE_FWHM = 1.5  # root of the area of noise under a star, 4 pi sigma^2, in FWHM
TRUSTED_MATCHES = 2  # before, the catalogue itself may be the frame that is off target or trailed
EXTINCTION_MAG = 0.15  # a unit of airmass, middle of what amateur sites have in V and L


@dataclass(frozen=True, slots=True)
class FrameScalars:
    """What of one frame is compared; ``None`` = not measurable."""

    stars: int
    fwhm_px: float | None
    elongation: float | None  # as the eye sees it: images of two pixels look rounder than they are
    sky_adu: float
    noise_adu: float
    transparency: float | None  # flux of matched stars over the catalogue's; only ratios of it mean anything
    good: bool  # judged clean: may serve as reference
    airmass: float | None = None
    taken_at: str | None = None  # ISO time, UTC
    angle_deg: float | None = None  # of the stars' long axis, where most share it
    covered: float = 0.0  # share of the field behind something
    weakly_bad: bool = False  # would be contaminated, but not by evidence that stands by itself
    edge_deg: float | None = None  # towards the side on which stars are faint
    edge_evidence: float = 0.0  # natural logarithm of a likelihood ratio
    patch_share: float | None = None  # of the field that the frame by itself shows to be without stars
    patch_row: float | None = None  # middle of it, 0..1
    patch_column: float | None = None
    fine_row: float | None = None  # middle of faint structure that was not there before, cells of the map
    fine_column: float | None = None
    torn_row: float | None = None  # 0..1, where the sky jumps
    few_fwhm_px: float | None = None  # where fewer stars are measured than ``fwhm_px`` asks for
    covered_deg: float | None = None  # towards what covers a part of the field
    halo_share: float | None = None  # of the stars' light
    few_elongation: float | None = None  # where fewer stars are measured than ``elongation`` asks for
    star_scatter: float | None = None  # of the light of single stars, over the frame's
    missed: float | None = None  # share of the catalogue's stars that should have been found and were not

    @property
    def any_fwhm_px(self) -> float | None:
        return self.fwhm_px if self.fwhm_px is not None else self.few_fwhm_px

    @property
    def any_elongation(self) -> float | None:
        return self.elongation if self.elongation is not None else self.few_elongation


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Stars of the frame that the others are matched with: (x, y, flux), and the motion of the newest match."""

    stars: tuple[tuple[float, float, float], ...]
    motion: Motion = field(default_factory=Motion)
    confirmed: int = 0  # clean frames that showed the same stars

    def positions(self) -> NDArray[np.float64]:
        return np.array([star[:2] for star in self.stars], dtype=np.float64).reshape(-1, 2)

    def fluxes(self) -> NDArray[np.float64]:
        return np.array([star[2] for star in self.stars], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Prior:
    """The best that a rig showed of a field on its last nights: what the first frames of a night are held against."""

    fwhm_px: float | None
    transparency: float | None  # of the catalogue's stars at the zenith
    ended_at: str | None  # ISO time of the newest frame behind it, UTC
    stars: int | None = None
    elongation: float | None = None


@dataclass(frozen=True, slots=True)
class GroupState:
    """One group of frames so far."""

    group: str
    last_at: str | None = None  # ISO time of the newest frame, UTC
    frames: int = 0
    history: tuple[FrameScalars, ...] = ()
    catalogue: Catalogue | None = None
    sky_maps: tuple[SkyMap, ...] = ()  # newest last
    trails: tuple[tuple[tuple[float, float, float, float], ...], ...] = ()  # of each of the last frames
    origin: Motion | None = None  # of the session's first frame with known stars: from there the pointing drifts
    prior: Prior | None = None  # what the rig showed on earlier nights
    is_distrusted: bool = False  # too many frames would be contaminated on weak evidence: said once

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"history": _packed(self.history), "detector_version": DETECTOR_VERSION}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Self:
        """The state. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for a record of another version."""
        if record["detector_version"] != DETECTOR_VERSION:
            raise ValueError(f"measured by version {record['detector_version']} of the eyes: no frame of now compares")
        catalogue = record["catalogue"]
        return cls(
            record["group"],
            record["last_at"],
            int(record["frames"]),
            _unpacked(record["history"]),
            catalogue and _read_catalogue(catalogue),
            tuple(_read_map(one) for one in record["sky_maps"]),
            tuple(tuple(tuple(line) for line in lines) for lines in record["trails"]),
            record["origin"] and Motion(**record["origin"]),
            record["prior"] and Prior(**record["prior"]),
            bool(record["is_distrusted"]),
        )

    @property
    def reference_frames(self) -> int:
        return sum(frame.good for frame in self.history)


def _packed(history: Sequence[FrameScalars]) -> str:
    """The scalars as text, column after column: what is alike from frame to frame takes a third of the room then."""
    columns = list(zip(*(astuple(frame) for frame in history), strict=True))
    return base64.b64encode(zlib.compress(json.dumps(columns).encode())).decode()


def _unpacked(text: str) -> tuple[FrameScalars, ...]:
    """Inverse of ``_packed``. Raises ``TypeError`` or ``ValueError`` for what it did not write."""
    try:
        columns = json.loads(zlib.decompress(base64.b64decode(text)))
    except zlib.error as error:
        raise ValueError(f"not a packed history: {error}") from error
    return tuple(FrameScalars(*scalars) for scalars in zip(*columns, strict=True))


def _read_catalogue(record: dict[str, Any]) -> Catalogue:
    stars = tuple((float(x), float(y), float(flux)) for x, y, flux in record["stars"])
    return Catalogue(stars, Motion(**record["motion"]), int(record["confirmed"]))


def _read_map(record: dict[str, Any]) -> SkyMap:
    middle = record["middle_px"]
    return SkyMap(record["packed"], bool(record["is_turned"]), record["residual"], middle and (middle[0], middle[1]))


def scalars_of(measured: Measurements, exposure: Exposure) -> FrameScalars:
    """What of the measurements the session compares; shapes of fewer than eight stars are not."""
    stars = measured.stars
    enough, few = stars.measured >= MIN_SHAPES, FEW_SHAPES <= stars.measured < MIN_SHAPES
    share, row, column = _patch(measured.coverage)
    torn = measured.sensor.torn_at_px
    aligned = enough and (stars.angle_coherence or 0.0) >= TRAILED_COHERENCE
    return FrameScalars(
        stars.count,
        rounded(stars.fwhm_px) if enough else None,
        rounded(_seen(stars)) if enough else None,
        float(f"{measured.sky.level_adu:.7g}"),
        float(f"{measured.sky.noise_adu:.6g}"),
        transparency=None,
        good=False,
        airmass=rounded(_airmass(exposure)),
        taken_at=exposure.taken_at.isoformat() if exposure.taken_at else None,
        angle_deg=rounded(stars.angle_deg) if aligned else None,
        patch_share=share,
        patch_row=row,
        patch_column=column,
        torn_row=None if torn is None else round(torn / measured.height_px, 4),
        few_fwhm_px=rounded(stars.fwhm_px) if few else None,
        halo_share=None if measured.halo_share is None else round(measured.halo_share, 3),
        few_elongation=rounded(_seen(stars)) if few else None,
    )


def rounded(value: float | None) -> float | None:
    """To six digits: what a number needs, and a state of hundreds of them has room for."""
    return None if value is None else float(f"{value:.6g}")


def _patch(coverage: Coverage | None) -> tuple[float | None, float | None, float | None]:
    """(share of the field, row and column of its middle) of what is without stars."""
    if coverage is None or not coverage.cells:
        return None, None, None
    row = sum(row for row, _ in coverage.cells) / len(coverage.cells) / coverage.rows
    column = sum(column for _, column in coverage.cells) / len(coverage.cells) / coverage.columns
    return round(coverage.missing_fraction, 3), round(row, 3), round(column, 3)


def _airmass(exposure: Exposure) -> float | None:
    """As the header says, else by place, pointing and the middle of the exposure, else ``None``."""
    place = exposure.site_latitude_deg, exposure.site_longitude_deg
    pointing = exposure.ra_deg, exposure.dec_deg
    if exposure.airmass is not None or exposure.taken_at is None:
        return exposure.airmass
    if place[0] is None or place[1] is None or pointing[0] is None or pointing[1] is None:
        return None
    middle = exposure.taken_at + timedelta(seconds=(exposure.exposure_s or 0.0) / 2.0)
    return airmass_of(middle, place[0], place[1], pointing[0], pointing[1])


def _seen(stars: Stars) -> float | None:
    if stars.fwhm_px is None or stars.elongation is None:
        return None
    return seen_elongation(stars.fwhm_px, stars.elongation)


def updated(
    state: GroupState,
    glimpse: Glimpse,
    scalars: FrameScalars,
    match: Match | None,
    label: Label,
    taken_at: datetime | None,
) -> GroupState:
    """The state after a frame of this label."""
    good = label is Label.CLEAN
    catalogue = _catalogue(state.catalogue, glimpse, match, scalars, good=good)
    history, prior, origin = state.history, state.prior, state.origin
    if good and origin is None and catalogue is not None:
        origin = match.motion if match is not None else catalogue.motion
    maps = state.sky_maps
    is_new = catalogue is not None and (state.catalogue is None or catalogue.stars != state.catalogue.stars)
    if catalogue is not None and state.catalogue is not None and is_new:
        history = tuple(replace(frame, transparency=None) for frame in history)  # measured on other stars
        scalars = replace(scalars, transparency=1.0)
        prior, origin = prior and replace(prior, transparency=None), catalogue.motion
        before = state.catalogue.motion  # where the maps lie on the new one nobody knows, but which way up they are
        maps = tuple(replace(one, is_turned=one.is_turned != before.is_turned, middle_px=None) for one in maps)
    if good:
        turned = catalogue is not None and catalogue.motion.is_turned
        is_known = catalogue is not None and (match is not None or is_new)
        middle = catalogue.motion.of_middle(glimpse.shape_px) if catalogue is not None and is_known else None
        maps = _kept_maps((*maps, sky_map_of(glimpse, middle, is_turned=turned)))
    lines = tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in np.round(glimpse.trails, 1))
    return replace(
        state,
        last_at=_later(state.last_at, taken_at),
        frames=state.frames + 1,
        history=(*history, replace(scalars, good=good))[-KEPT_FRAMES:],
        catalogue=catalogue,
        sky_maps=maps,
        trails=(*state.trails, lines)[-KEPT_TRAILS:],
        origin=origin,
        prior=prior,
    )


def _kept_maps(maps: tuple[SkyMap, ...]) -> tuple[SkyMap, ...]:
    """The first ones that were taken with the camera the same way up as the newest, and the newest ones."""
    alike = [place for place, one in enumerate(maps) if one.is_turned == maps[-1].is_turned]
    kept = {*alike[:FIRST_MAPS], *range(max(len(maps) - NEWEST_MAPS, 0), len(maps))}
    return tuple(maps[place] for place in sorted(kept))


def _is_outshone(known: Catalogue, glimpse: Glimpse) -> bool:
    """Whether a frame shows so many more stars that the catalogue's own was behind a cloud."""
    return len(known.stars) < CATALOGUE_STARS and len(glimpse.stars) >= max(OUTSHONE * len(known.stars), OUTSHONE_STARS)


def _is_fuller(known: Catalogue, listed: int, match: Match | None) -> bool:
    """Whether a frame, the same way up, lists stars enough where the catalogue had two or three."""
    is_upright = match is not None and not match.motion.is_turned
    return len(known.stars) < FEW_CATALOGUE <= listed and is_upright


def _catalogue(
    known: Catalogue | None, glimpse: Glimpse, match: Match | None, scalars: FrameScalars, *, good: bool
) -> Catalogue | None:
    """Of the first clean frame with enough stars; afterwards only the motion is brought up to date.

    A catalogue that the next clean frames do not show is given up: its frame was the odd one.
    """
    listed = _listed(glimpse, scalars.any_fwhm_px) if good else []
    if known is not None and good and (_is_outshone(known, glimpse) or _is_fuller(known, len(listed), match)):
        known, match = None, None
    if known is not None and match is not None:
        return replace(known, motion=match.motion, confirmed=known.confirmed + good)
    if known is not None and known.confirmed >= TRUSTED_MATCHES:
        return known
    if len(listed) < MIN_CATALOGUE:
        return known
    rows = tuple((round(float(glimpse.stars[i, 0]), 2), round(float(glimpse.stars[i, 1]), 2)) for i in listed)
    return Catalogue(tuple((x, y, float(f"{glimpse.flux_adu[i]:.5g}")) for i, (x, y) in enumerate(rows)))


def _listed(glimpse: Glimpse, fwhm_px: float | None) -> list[int]:
    """Indices of the stars that a frame gives to a catalogue, brightest first."""
    enough = min(len(glimpse.stars), CATALOGUE_STARS)
    if enough < MANY_STARS and fwhm_px is not None:
        enough = int((glimpse.flux_adu > BRIGHT_SNR * NOISE_FWHM * fwhm_px * glimpse.noise_adu).sum())
    if enough >= FEW_CATALOGUE:
        return list(range(enough))
    if fwhm_px is None:
        return []
    chosen = np.flatnonzero(within_borders(glimpse.stars[:enough], glimpse.shape_px))
    apart = np.hypot(*(glimpse.stars[chosen, None] - glimpse.stars[None, chosen]).T)
    np.fill_diagonal(apart, np.inf)
    near = (apart < max(APART_FWHM * fwhm_px, APART_PX)).any(axis=0)
    return [] if near.any() else [int(one) for one in chosen]


def within_borders(places: NDArray[np.float64], shape_px: tuple[int, int]) -> NDArray[np.bool_]:
    """Which of the places (n, 2), x and y, lie so far within the frame that a star there has all its light."""
    x, y = places[:, 0], places[:, 1]
    height, width = shape_px
    return (x > BORDER_PX) & (y > BORDER_PX) & (x < width - BORDER_PX) & (y < height - BORDER_PX)


def _later(last_at: str | None, taken_at: datetime | None) -> str | None:
    if taken_at is None or (last_at is not None and datetime.fromisoformat(last_at) >= taken_at):
        return last_at
    return taken_at.isoformat()


def at_zenith(transparency: float | None, airmass: float | None) -> float | None:
    """Corrected for the extinction of clear air, where the airmass is known."""
    if transparency is None or airmass is None:
        return transparency
    return transparency * math.pow(10.0, 0.4 * EXTINCTION_MAG * (airmass - 1.0))


def quantile(values: Sequence[float], share: float) -> float:
    """Nearest-rank quantile; 0 of an empty sequence."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def known(values: Sequence[float | None]) -> list[float]:
    """The values that are not ``None``."""
    return [value for value in values if value is not None]
