"""Report files: written whole or not at all, over an older report but never over anything else."""

import os
import tempfile
from pathlib import Path

from nebulift.errors import NebuliftError, WrongUsage, printable
from nebulift_daemon.report.csv_table import COLUMNS
from nebulift_daemon.report.json_document import FORMAT

# what the first bytes of a report of ours hold, whatever its form
OURS = (b'name="generator" content="Nebulift', ",".join(COLUMNS[:10]).encode(), FORMAT.encode())
LOOKED_AT_BYTES = 2000


def write_report(path: Path, content: str) -> None:
    """Put ``content`` at ``path``, folders made as needed.

    Raises ``WrongUsage`` when a file that is no report lies there, ``NebuliftError`` when it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if (path.exists() or path.is_symlink()) and not _is_report(path):
            raise WrongUsage(f"{printable(path)}: is there already and is no report of Nebulift's; choose another name")
        descriptor, temporary = tempfile.mkstemp(prefix=".nebulift-report-", dir=path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
                file.write(content)
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise NebuliftError(
            f"{printable(path)}: the report cannot be written ({error.strerror}); check disk and permissions"
        ) from error


def _is_report(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(LOOKED_AT_BYTES)
    return not start or any(sign in start for sign in OURS)
