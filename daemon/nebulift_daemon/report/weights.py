"""How much each clean frame should count in a stack, from its measurements alone.

    weight = min(1, stars / S) * (N / noise)^2 * (F / FWHM)^2

with S, N, F the medians over the clean frames of the same group (camera, target, filter, exposure, gain, binning). It
is the inverse variance of a point source's brightness in one frame: noise over the area of the star image, with the
share of stars as a stand-in for the transparency that thin cloud takes. The heaviest frame of a group has weight 1; a
frame that is not clean has weight 0; a factor that could not be measured is 1.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence

from nebulift_daemon.report.frame_line import FrameLine, Group, Measured


def weights(frames: Sequence[FrameLine]) -> dict[int, float]:
    """frame_id -> weight from 0 to 1, for every frame."""
    groups: dict[Group, list[FrameLine]] = {}
    for frame in frames:
        if frame.is_usable:
            groups.setdefault(frame.group, []).append(frame)
    found = {frame.frame_id: 0.0 for frame in frames}
    for members in groups.values():
        found |= _within_group(members)
    return found


def _within_group(frames: Sequence[FrameLine]) -> dict[int, float]:
    stars = _median(frames, lambda measured: measured.stars)
    noise = _median(frames, lambda measured: measured.noise_adu)
    fwhm = _median(frames, lambda measured: measured.fwhm_px)
    raw = {
        frame.frame_id: min(1.0, _ratio(frame.measured.stars, stars))
        * _ratio(noise, frame.measured.noise_adu) ** 2
        * _ratio(fwhm, frame.measured.fwhm_px) ** 2
        for frame in frames
    }
    heaviest = max(raw.values())
    return {frame_id: weight / heaviest if heaviest else 0.0 for frame_id, weight in raw.items()}


def _median(frames: Iterable[FrameLine], value: Callable[[Measured], float | None]) -> float | None:
    known = [number for frame in frames if (number := value(frame.measured))]
    return statistics.median(known) if known else None


def _ratio(one: float | None, other: float | None) -> float:
    """``one / other``; 1 when a side is unknown or the division would mean nothing."""
    return one / other if one is not None and other else 1.0
