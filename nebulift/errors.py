"""Every error that Nebulift raises on purpose: ``str(error)`` is what a person reads, without a traceback.

Each message is one plain sentence that names the file or key, the cause and the remedy.
"""

from collections.abc import Sequence
from pathlib import Path


def printable(name: object) -> str:
    """``str(name)`` on one line: control characters and undecodable bytes of a file name are escaped."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in str(name))


class NebuliftError(Exception):
    """Base of all foreseeable trouble; ``exit_code`` is what the command line returns."""

    exit_code = 1


class WrongUsage(NebuliftError):
    """What was asked for cannot be: a path that is not there, an empty folder, options that contradict each other."""

    exit_code = 2


class UnreadableFrame(NebuliftError):
    """A file that should be a frame and cannot be read as one: the frame goes to review, never to training."""

    def __init__(self, path: Path, cause: str, remedy: str = "look at the file and take the exposure again") -> None:
        super().__init__(f"{printable(path)}: {cause}; {remedy}")
        self.path = path
        self.cause = cause
        self.remedy = remedy


class UnsupportedFormat(UnreadableFrame):
    """A file whose format Nebulift does not read, or reads only with an extra that is not installed."""


class ConfigError(NebuliftError):
    """Everything that is wrong with a configuration, reported at once."""

    exit_code = 2

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__(f"{source}: {count}{listed}")
        self.source = source
        self.problems = tuple(problems)


class ModelMismatch(NebuliftError):
    """A model file that must not be used: missing, damaged, or made for other inputs. The CV score decides alone."""


class FilingError(NebuliftError):
    """A frame could not be put where its verdict says; it stays where it is and filing is tried again."""


class LedgerError(NebuliftError):
    """The ledger cannot be opened or written."""


class MissingExtra(NebuliftError):
    """A feature was asked for whose packages are not installed."""

    exit_code = 2

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs packages that are not installed; run: pip install 'nebulift[{extra}]'")
        self.feature = feature
        self.extra = extra


class TrainingError(NebuliftError):
    """Training cannot start or go on: too few frames, one class only, a checkpoint that does not fit."""
