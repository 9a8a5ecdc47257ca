"""How the light of a trail goes along it: even, falling, rising and falling. Heights in sigma, NaN where covered."""

import numpy as np
from numpy.typing import NDArray

LEVEL, LEVEL_ERRORS = 0.35, 1.0  # of the height: halves of a trail differ by less, with so many standard errors
HOLLOW = 0.85  # of the mean of the outer thirds: 0.75 where light falls with the square of the distance, to a quarter
TAPER = 0.85  # of the median height, at both ends
CUSP_SHARE, CUSP_MIDDLE = 0.3, 0.15  # of the length: the light of a disc falls as an exponential to both sides
PEDESTAL, PEDESTAL_SNR = 0.75, 5.0  # the outermost twelfth over the third one; of what is left there
CONCAVE_MARGIN = 0.15  # of the height of the first quarter, above an exponential
BEADED = (
    0.5  # of the median height: real trails change by a tenth from one star's width to the next, rows of stars by one
)
MIN_WAVED, PERIODIC_CHANCE = 24, 1e-3
MIN_HALF = 4  # segments
MIN_RANKED, SURE_FALL = 8, 3.0  # standard deviations of a rank correlation: by chance once in a thousand


def steadiness(ridge: NDArray[np.float64]) -> float:
    """Student's t of the ridge heights of the segments: their mean over the error that their own scatter gives it."""
    known = ridge[np.isfinite(ridge)]
    if len(known) < 8:
        return 0.0
    return float(known.mean() / max(known.std(ddof=1), 1e-9) * np.sqrt(len(known)))


def drop(ridge: NDArray[np.float64]) -> float:
    """Relative fall along the trail by a straight-line fit; 0 where the fall is less than five times its error."""
    known = np.flatnonzero(np.isfinite(ridge))
    if len(known) < 8:
        return 0.0
    place = (known - known.mean()) / len(ridge)
    height = ridge[known]
    slope = float((place * height).sum() / (place**2).sum())
    left = height - height.mean() - slope * place
    error = float(np.sqrt((left**2).mean() / (place**2).sum()))
    return abs(slope) / max(float(height.mean()), 1e-9) if abs(slope) > 5.0 * error else 0.0


def running_median(heights: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Each the median of itself and ``reach`` neighbours on either side; NaN stays, and counts nowhere.

    A piece beside a bright star must not hide the course of all.
    """
    padded = np.pad(heights, reach, mode="edge") if len(heights) else np.full(2 * reach, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)
    known = np.isfinite(heights)
    smooth = np.full(len(heights), np.nan)
    smooth[known] = np.nanmedian(windows[known], axis=1)
    return smooth


def fades_from(along: NDArray[np.float64], at: float, much: float) -> bool:
    """True when the ridge is ``much`` brighter near the relative position ``at`` than far from it, falling all the way.

    A trail that tumbles, or that a star brightens beside the place, goes up and down instead.
    """
    known = np.flatnonzero(np.isfinite(along))
    if len(known) < 4:
        return False
    height = along[known]
    order = np.argsort(np.abs((known + 0.5) / len(along) - at), kind="stable")
    inner, outer = np.array_split(height[order], 2)
    if np.median(inner) <= much * max(float(np.median(outer)), 1e-6):
        return False
    thirds = [float(np.median(part)) for part in np.array_split(height[order], 3)]
    return thirds[0] > thirds[1] > thirds[2]


def falls_from(along: NDArray[np.float64], at: float) -> bool:
    """True when the ridge is the lower the farther it is from ``at``, by the ranks of its pieces: no matter how the
    fall is curved, or how bright a star beside one of the pieces is.
    """
    known = np.flatnonzero(np.isfinite(along))
    if len(known) < MIN_RANKED:
        return False
    distance = np.abs((known + 0.5) / len(along) - at)
    ranks = np.argsort(np.argsort(along[known])), np.argsort(np.argsort(distance))
    return bool(np.corrcoef(*ranks)[0, 1] * (len(known) - 1) ** 0.5 < -SURE_FALL)


def is_level(along: NDArray[np.float64]) -> bool:
    """True when both ends of the ridge are known to be as high as each other, to ``LEVEL``."""
    halves = [half[np.isfinite(half)] for half in np.array_split(along, 2)]
    if min(len(half) for half in halves) < MIN_HALF:
        return False
    (one, first), (other, second) = ((half.mean(), half.std(ddof=1) / len(half) ** 0.5) for half in halves)
    return bool(abs(one - other) + LEVEL_ERRORS * np.hypot(first, second) < LEVEL * max((one + other) / 2.0, 1e-9))


def is_hollow(along: NDArray[np.float64]) -> bool:
    """True when the middle third is far lower than the mean of the others: a spike's light falls like that.

    Spikes fall with the square of the distance from their star; a meteor's light curve is round.
    """
    thirds = [part[np.isfinite(part)] for part in np.array_split(along, 3)]
    if min(len(part) for part in thirds) == 0:
        return False
    first, middle, last = (float(np.median(part)) for part in thirds)
    return middle < HOLLOW * (first + last) / 2.0


def tapers(along: NDArray[np.float64]) -> bool:
    """True when both outer eighths are lower than the rest: what a shutter or the border cuts off does not."""
    eighths = [part[np.isfinite(part)] for part in np.array_split(along, 8)]
    outer = [float(part.mean()) for part in (eighths[0], eighths[-1]) if len(part)]
    inner = np.concatenate(eighths[1:-1])
    return bool(outer) and len(inner) > 0 and max(outer) < TAPER * float(np.median(inner))


def is_cusped(along: NDArray[np.float64]) -> bool:
    """True when the light has a narrow summit in the middle and falls from it to both sides, steeply at first."""
    twelfths = [part[np.isfinite(part)] for part in np.array_split(along, 12)]
    height = np.array([np.median(part) if len(part) else np.nan for part in twelfths])
    if np.isfinite(height).sum() < 10 or not np.isfinite(height[5:7]).any():
        return False
    top = int(np.nanargmax(height))
    high = np.nanmean(height > 0.5 * height[top])
    left, right = height[: top + 1], height[top:]
    slack = 0.1 * height[top]
    falls = not (np.diff(left) < -slack).any() and not (np.diff(right) > slack).any()
    return bool(abs((top + 0.5) / 12 - 0.5) < CUSP_MIDDLE and high < CUSP_SHARE and falls)


def on_pedestal(along: NDArray[np.float64]) -> bool:
    """True when the light no longer falls at both ends, and is there: a flare on an even trail.

    The light of a galaxy falls as an exponential, at its ends as steeply as before.
    """
    twelfths = [part[np.isfinite(part)] for part in np.array_split(along, 12)]
    if min(len(twelfths[one]) for one in (0, 1, 2, -3, -2, -1)) == 0:
        return False
    for outermost, next_one, third in (twelfths[:3], twelfths[:-4:-1]):
        outer = np.concatenate([outermost, next_one])
        seen = outer.mean() > PEDESTAL_SNR * outer.std(ddof=1) / len(outer) ** 0.5 if len(outer) > 2 else False
        if not seen or np.median(outermost) < PEDESTAL * np.median(third):
            return False
    return True


def is_concave(along: NDArray[np.float64], at: float) -> bool:
    """True when the light stays high near the end ``at`` (0 or 1) before it falls: more than an exponential would.

    Spikes fall as a power of the distance from their star, steeply at first; flares and meteors are round.
    """
    quarters = [part[np.isfinite(part)] for part in np.array_split(along if at < 0.5 else along[::-1], 4)]
    if min(len(part) for part in quarters) == 0:
        return False
    first, second, _, last = (max(float(np.median(part)), 1e-6) for part in quarters)
    return bool(second / first > min(last / first, 1.0) ** (1.0 / 3.0) + CONCAVE_MARGIN)


def is_beaded(along: NDArray[np.float64], step: int) -> bool:
    """True when the light mostly goes up or down by much from one piece to the one ``step`` pieces on.

    With the width of a star as step that is a row of stars. A moving light changes slowly, or flashes and shines
    steadily in between; a star here and there on its line changes few of the pieces.
    """
    apart = along[step:] - along[:-step]
    apart = apart[np.isfinite(apart)]
    return len(apart) >= MIN_HALF and bool(np.median(np.abs(apart)) > BEADED * float(np.nanmedian(along)))


def is_periodic(along: NDArray[np.float64]) -> bool:
    """True when one wave explains so much of how the light goes up and down as chance does in one of a thousand rows.

    What tumbles does so at one rate (Lomb 1976, Ap&SS 39, 447; the chance after Horne and Baliunas 1986, ApJ 302, 757).
    """
    known = np.flatnonzero(np.isfinite(along))
    if len(known) < MIN_WAVED:
        return False
    height = along[known] - along[known].mean()
    turns = np.exp(2j * np.pi * np.outer(np.linspace(2.0 / len(along), 0.5, 2 * len(along)), known))
    # of white noise it is distributed as an exponential of mean 1
    power = np.abs(turns @ height) ** 2 / max(float((height**2).sum()), 1e-9)
    return bool(len(known) * np.exp(-power.max()) < PERIODIC_CHANCE)
