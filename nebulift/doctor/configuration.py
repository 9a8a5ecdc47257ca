"""Is the configuration right, and is it wise?"""

from collections.abc import Iterator
from pathlib import Path

from nebulift.config import nesting_problems, overlap_problems
from nebulift.doctor.check import Check, fail, ok, warn
from nebulift.errors import ConfigError
from nebulift.settings import Settings

TOPIC = "configuration"


def configuration_checks(settings: Settings, source: Path | None) -> Iterator[Check]:
    """What can be said of settings that could be read; ``source`` is their file, if any."""
    filing = settings.filing.by_label()
    ways = ", ".join(f"{label} by {way}" for label, way in filing.items())
    folders = "1 folder" if len(settings.watch.folders) == 1 else f"{len(settings.watch.folders)} folders"
    wrong = [*overlap_problems(settings.watch), *nesting_problems(settings.watch, settings.output)]
    if wrong:
        yield from configuration_problems(ConfigError(str(source or "command line"), wrong))
    else:
        yield ok(TOPIC, f"{source or 'command line'}: {folders} watched; filed: {ways}")
    if set(filing.values()) == {"leave"}:
        yield warn(
            TOPIC,
            "report only: every frame is judged and recorded, none is filed",
            "delete the lines below [filing] when you trust the verdicts",
        )
    if settings.filing.clean == "move":
        yield warn(
            TOPIC,
            "clean frames are moved away: Ekos counts the frames in its folder and would take them again and again",
            'set clean = "link" below [filing]',
        )
    if settings.filing.contaminated == "move":
        yield from _move_advice(settings)


def configuration_problems(error: ConfigError) -> Iterator[Check]:
    """One line a problem."""
    for problem in error.problems:
        what, _, remedy = problem.rpartition("; ")
        yield fail(TOPIC, f"{error.source}: {what or remedy}", remedy if what else "correct it")


def _move_advice(settings: Settings) -> Iterator[Check]:
    """Limits do not carry over from rig to rig: moving by limits that were never fitted loses good frames."""
    if settings.thresholds.as_thresholds() is None:
        yield warn(
            TOPIC,
            "contaminated frames are moved, but the limits were never fitted to this rig: good frames may be taken "
            "away from the capture program",
            'set contaminated = "link" below [filing] until 40 frames are reviewed and the lines that '
            "`nebulift calibrate` shows stand below [thresholds]",
        )
    else:
        yield ok(TOPIC, "contaminated frames are moved, by limits fitted to this rig")
