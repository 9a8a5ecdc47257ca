"""Made-up glimpses of one field through a night: star lists and small skies whose changes are known exactly."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from nebulift.judgement import SessionContext
from nebulift.session import FrameScalars, Glimpse, GroupState, compare, updated
from nebulift.session.glimpse import COLUMNS, ROWS
from nebulift.verdict import Label

HEIGHT, WIDTH = 2000, 3000
NOISE_ADU = 20.0
RESIDUAL_NOISE = 0.02  # of a cell of the map, in noise of one pixel
BEGIN = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)


class Field:
    """The same stars and the same sky in every glimpse, but for what is asked to differ."""

    def __init__(self, stars: int = 120, seed: int = 1) -> None:
        self.rng = np.random.default_rng(seed)
        self.places = self.rng.uniform((40, 40), (WIDTH - 40, HEIGHT - 40), (stars, 2))
        self.flux = np.sort(1e4 * self.rng.pareto(1.2, stars) + 3e3)[::-1]
        y, x = np.mgrid[-1.0 : 1.0 : ROWS * 1j, -1.0 : 1.0 : COLUMNS * 1j]
        self.vignetting = 1.0 - 0.15 * (x**2 + y**2)
        self.nebula = 3.0 * NOISE_ADU * np.exp(-((x - 0.3) ** 2 + (y + 0.1) ** 2) / 0.05)

    def glimpse(
        self,
        *,
        transparency: Any = 1.0,  # a number, or a function of x, y (0..1)
        shift: tuple[float, float] = (0.0, 0.0),
        sky_adu: float = 1000.0,
        extra_sky: Any = 0.0,
        extra_residual: Any = 0.0,  # noise of one pixel
        turned: bool = False,
        trails: Any = (),
    ) -> Glimpse:
        places = self.places * -1.0 + (WIDTH, HEIGHT) if turned else self.places
        places = places + shift + self.rng.normal(0.0, 0.2, places.shape)
        local = transparency(places[:, 0] / WIDTH, places[:, 1] / HEIGHT) if callable(transparency) else transparency
        flux = self.flux * local * self.rng.normal(1.0, 0.03, len(self.flux))
        seen = (flux > 1e3) & (places > 0).all(axis=1) & (places < (WIDTH, HEIGHT)).all(axis=1)
        order = np.flatnonzero(seen)[np.argsort(-flux[seen])]
        sky = sky_adu * self.vignetting + self.nebula + extra_sky + self.rng.normal(0.0, 0.2, (ROWS, COLUMNS))
        return Glimpse(
            (HEIGHT, WIDTH),
            places[order],
            places[order],
            flux[order],
            sky.astype(np.float32),
            self.rng.normal(0.0, RESIDUAL_NOISE, (ROWS, COLUMNS)).astype(np.float32) + extra_residual,
            RESIDUAL_NOISE,
            NOISE_ADU * (sky_adu / 1000.0) ** 0.5,
            np.array(trails, dtype=np.float64).reshape(-1, 4),
        )


def scalars(
    glimpse: Glimpse,
    *,
    fwhm_px: float = 3.0,
    elongation: float = 1.1,
    fine: tuple[float | None, float | None] = (None, None),
) -> FrameScalars:
    return FrameScalars(
        len(glimpse.present),
        fwhm_px,
        elongation,
        float(np.median(glimpse.sky_adu)),
        glimpse.noise_adu,
        None,
        good=False,
        fine_row=fine[0],
        fine_column=fine[1],
    )


def seen_next(
    state: GroupState, glimpse: Glimpse, label: Label = Label.CLEAN, *, now: FrameScalars | None = None
) -> tuple[SessionContext, GroupState]:
    """(how the frame compares, the state after it was given ``label``)."""
    now = now or scalars(glimpse)
    context, match = compare(state, glimpse, now)
    transparency = context.raw_transparency if state.catalogue else 1.0
    moment = BEGIN + timedelta(minutes=5 * state.frames)
    now = replace(
        now,
        transparency=transparency,
        covered=context.covered_fraction,
        covered_deg=context.covered_deg,
        edge_deg=context.edge_deg,
        edge_evidence=context.edge_evidence,
    )
    return context, updated(state, glimpse, now, match, label, moment)


def after_clean_frames(field: Field, frames: int = 8, **same: Any) -> GroupState:
    """The state after so many clean frames, dithered by a few pixels."""
    state = GroupState("group")
    for _ in range(frames):
        shift = tuple(field.rng.uniform(-12, 12, 2))
        _, state = seen_next(state, field.glimpse(shift=shift, **same))
    return state


def at(minutes: float) -> str:
    """The time so many minutes after the first frame, as scalars hold it."""
    return (BEGIN + timedelta(minutes=minutes)).isoformat()


def night(field: Field, frames: list[tuple[dict[str, Any], dict[str, Any]]], **usual: Any) -> SessionContext:
    """The context of the last of ``frames``, (glimpse options, scalar changes), five minutes apart and none clean,
    after eight clean ones with ``usual`` scalars.
    """
    state = GroupState("group")
    for number in range(8):
        glimpse = field.glimpse()
        _, state = seen_next(state, glimpse, now=replace(scalars(glimpse), taken_at=at(5 * number), **usual))
    for number, (look, change) in enumerate(frames, 8):
        glimpse = field.glimpse(**look)
        now = replace(scalars(glimpse), taken_at=at(5 * number), **change)
        context, state = seen_next(state, glimpse, Label.REVIEW, now=now)
    return context
