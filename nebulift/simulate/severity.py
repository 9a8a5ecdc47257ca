"""How bad an artefact is, 0..1, from its physical numbers: 0.3 noticeable, 0.5 a matter of taste, 0.7 plainly visible.

Each scale is a list of (number, severity) anchors, joined by straight lines in the logarithm of the number. They are
definitions, not measurements: chosen so that a person who looks at the stretched frame on a screen would agree, and
so that they mean the same for every camera and frame size. A truth is only as good as they are, hence all stand here.
"""

import itertools
import math
from collections.abc import Callable, Sequence

Scale = Sequence[tuple[float, float]]

# Total signal-to-noise of the trail in a matched filter. The blind detection limit in 2 MP is about 6 (Nir et al.
# 2018, AJ 156, 229); 60 is a ridge of 0.9 sigma across 2000 px at FWHM 3, seen on a reduced preview.
STREAK_TOTAL_SNR: Scale = ((4.0, 0.0), (12.0, 0.3), (27.0, 0.5), (60.0, 0.7), (400.0, 1.0))

# Share of the light of stars that is lost, mean over the frame: 0.1 mag is noticed only by photometry.
CLOUD_LOSS: Scale = ((0.03, 0.0), (0.12, 0.3), (0.22, 0.5), (0.37, 0.7), (0.85, 1.0))
# Difference of that share between the clear and the cloudy parts (5th and 95th percentile).
CLOUD_CONTRAST: Scale = ((0.04, 0.0), (0.10, 0.3), (0.18, 0.5), (0.30, 0.7), (0.80, 1.0))
# Patches of scattered light over the frame (5th to 95th percentile), in noise of one pixel.
CLOUD_PATCH_SIGMA: Scale = ((0.25, 0.0), (0.8, 0.3), (1.5, 0.5), (3.0, 0.7), (20.0, 1.0))

# Major over minor axis that the motion alone gives a round star of the frame's own FWHM.
TRAIL_ELONGATION: Scale = ((1.05, 0.0), (1.20, 0.3), (1.35, 0.5), (1.60, 0.7), (3.5, 1.0))

# FWHM over that of the same frame in focus. 1.2 is the scatter of seeing within an ordinary night.
DEFOCUS_RATIO: Scale = ((1.10, 0.0), (1.25, 0.3), (1.45, 0.5), (1.80, 0.7), (4.0, 1.0))

# Share of pixels at the ceiling, beyond the cores of stars.
STARS_OF_THE_FIELD = 8.0  # burnt-out stars belong to their field: their area counts for an eighth
SATURATED_SHARE: Scale = ((0.0005, 0.0), (0.003, 0.3), (0.01, 0.5), (0.03, 0.7), (0.4, 1.0))
# Length of the longest charge bleed over the height of the frame.
BLOOM_LENGTH: Scale = ((0.05, 0.0), (0.15, 0.3), (0.3, 0.5), (0.5, 0.7), (1.0, 1.0))

# Range of the added light over the frame, divided by the sky without it ...
GLOW_SHARE: Scale = ((0.06, 0.0), (0.18, 0.3), (0.35, 0.5), (0.6, 0.7), (4.0, 1.0))
# ... and in noise of one pixel. The lesser of the two counts: what is lost in the noise is no nuisance, and a
# gradient of a few per cent, however well measured, is normal.
GLOW_SIGMA: Scale = ((0.8, 0.0), (2.3, 0.3), (4.0, 0.5), (7.0, 0.7), (50.0, 1.0))
# Light with an edge or of one corner is seen this much sooner than a smooth gradient.
EDGED_GLOW = 1.5
# Brighter sky all over (twilight, moonlit haze): level over that of the session, or the square of the noise over that
# without the glow, as often as one must expose longer. The lesser counts: what a bright nebula or the read-out drowns
# spoils nothing.
SKY_RATIO: Scale = ((1.3, 0.0), (1.8, 0.3), (2.8, 0.5), (5.0, 0.7), (30.0, 1.0))

# Share of the field's light that does not arrive.
BLOCKED_SHARE: Scale = ((0.004, 0.0), (0.02, 0.3), (0.05, 0.5), (0.10, 0.7), (0.6, 1.0))

# Light that a hair on the window takes where it is deepest: a narrow thing is seen long before it costs light.
SHADOW_DEPTH: Scale = ((0.01, 0.0), (0.04, 0.3), (0.08, 0.5), (0.16, 0.7), (0.7, 1.0))

# Read-out: share of the frame that is lost or out of place ...
READOUT_SHARE: Scale = ((0.0003, 0.0), (0.001, 0.3), (0.004, 0.5), (0.015, 0.7), (0.3, 1.0))
# ... or amplitude of bands in noise of one pixel.
BAND_SIGMA: Scale = ((0.15, 0.0), (0.35, 0.3), (0.6, 0.5), (1.0, 0.7), (6.0, 1.0))

# Columns that stuck since the last frame; one alone is an ordinary defect of a sensor.
STUCK_COLUMNS: Scale = ((0.9, 0.1), (2.0, 0.3), (4.0, 0.5), (8.0, 0.7), (80.0, 1.0))

# Distance of the pointing from the target over the width of the frame.
OFF_TARGET_SHARE: Scale = ((0.08, 0.0), (0.18, 0.3), (0.3, 0.5), (0.5, 0.7), (1.0, 1.0))

# Share of a star's light that dew scatters into a halo.
DEW_HALO_SHARE: Scale = ((0.03, 0.0), (0.10, 0.3), (0.2, 0.5), (0.35, 0.7), (0.8, 1.0))


def severity(number: float, scale: Scale) -> float:
    """Severity 0..1 of ``number`` on ``scale``; below the first anchor 0, above the last its severity."""
    if not number > scale[0][0]:
        return scale[0][1]
    for (low, s_low), (high, s_high) in itertools.pairwise(scale):
        if number <= high:
            share = math.log(number / low) / math.log(high / low)
            return s_low + share * (s_high - s_low)
    return scale[-1][1]


def number_for(wanted: float, scale: Scale) -> float:
    """The number whose ``severity`` on ``scale`` is ``wanted``, within the scale's ends."""
    for (low, s_low), (high, s_high) in itertools.pairwise(scale):
        if wanted <= s_high:
            share = max(wanted - s_low, 0.0) / (s_high - s_low)
            return float(low * (high / low) ** share)
    return scale[-1][0]


def solved_for(wanted: float, measure: Callable[[float], float], low: float, high: float) -> float:
    """The number between ``low`` and ``high`` (> 0) at which ``measure``, rising with it, is nearest ``wanted``."""
    for _ in range(12):  # 12 halvings of the logarithm leave less than a per cent of any range used here
        middle = math.sqrt(low * high)
        low, high = (middle, high) if measure(middle) < wanted else (low, middle)
    return math.sqrt(low * high)
