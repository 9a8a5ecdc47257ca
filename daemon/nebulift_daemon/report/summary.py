"""A night in a few lines of text, for messages."""

from nebulift_daemon.report.night_report import NightReport
from nebulift_daemon.report.totals import causes, label_counts, lights, totals, usable_s
from nebulift_daemon.report.words import counted, duration, kind_words

MOST_CAUSES = 4


def summary(report: NightReport) -> str:
    """First line: the exposure and the counts; then the causes, and a line for each target and filter."""
    frames = lights(report.frames)
    counts = label_counts(frames)
    said = ", ".join(f"{counts[label]} {words}" for label, words in (
        ("clean", "clean"), ("contaminated", "contaminated"), ("review", "to review"),
    ))  # fmt: skip
    lines = [f"{duration(usable_s(frames))} usable, {said}"]
    found = [f"{kind_words(cause.kind).lower()} {cause.frames}" for cause in causes(frames)[:MOST_CAUSES]]
    if found:
        lines.append(f"lost to: {', '.join(found)}")
    for total in totals(frames):
        seeing = "" if total.fwhm_px is None else f", FWHM {total.fwhm_px:.2f} px"
        usable = duration(total.usable_s)
        lines.append(f"{total.target}, {total.filter_name}: {usable} of {counted(total.frames, 'frame')}{seeing}")
    return "\n".join(lines)
