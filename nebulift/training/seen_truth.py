"""How bad a simulated blur is to whoever looks at the frame: what sampling hides from the eye is no fault.

The simulator's truth compares star images with themselves in focus and unmoved. Images of two pixels that motion draws
out to three are half as long again by that measure, and nobody sees it on a screen; people call such frames clean.
"""

import math

from nebulift.assessment import SEEN_BLUR_PX
from nebulift.findings import Kind
from nebulift.simulate.severity import DEFOCUS_RATIO, TRAIL_ELONGATION, severity
from nebulift.simulate.truth import Artefact


def seen_severity(artefact: Artefact) -> float:
    """Severity 0..1; of motion and defocus that after a round blur of two pixels FWHM, of all else as it is."""
    numbers = artefact.evidence
    if artefact.kind is Kind.TRAILED and "unmoved_fwhm_px" in numbers:
        elongation, growth = _seen_smear(numbers["unmoved_fwhm_px"], numbers["elongation"], numbers["growth"])
        return max(severity(elongation, TRAIL_ELONGATION), severity(growth, DEFOCUS_RATIO))
    if artefact.kind is Kind.DEFOCUS and "fwhm_ratio" in numbers:
        wide = numbers["fwhm_px"]
        return severity(_seen(wide) / _seen(wide / numbers["fwhm_ratio"]), DEFOCUS_RATIO)
    return artefact.severity


def _seen(fwhm_px: float) -> float:
    return math.hypot(fwhm_px, SEEN_BLUR_PX)


def _seen_smear(fwhm_px: float, elongation: float, growth: float) -> tuple[float, float]:
    """(elongation, growth of the mean width) of a round star of ``fwhm_px`` that motion smeared so much, as seen."""
    star, blur = fwhm_px**2, SEEN_BLUR_PX**2
    along, across = star * growth**2 * elongation + blur, star * growth**2 / elongation + blur
    return math.sqrt(along / across), (along * across) ** 0.25 / math.sqrt(star + blur)
