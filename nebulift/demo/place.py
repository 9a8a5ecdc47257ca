"""The folder of a demonstration: what lies where in it, and that it is ours before anything is written or removed."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from nebulift.errors import WrongUsage, printable
from nebulift_daemon.state_folder import running_process

MARK = "demo.json"
MADE_BY = "nebulift demo"


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """Everything that a demonstration makes lies below ``root``."""

    root: Path

    @property
    def mark(self) -> Path:
        return self.root / MARK

    @property
    def capture(self) -> Path:
        return self.root / "capture"

    @property
    def sorted(self) -> Path:
        return self.root / "sorted"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def config(self) -> Path:
        return self.root / "nebulift.toml"

    @property
    def log(self) -> Path:
        return self.root / "daemon.log"

    @property
    def truth(self) -> Path:
        return self.root / "labels.csv"

    @property
    def report(self) -> Path:
        return self.root / "report.html"

    def claim(self) -> None:
        """Make the folder ours and empty, whatever an earlier demonstration left there.

        Raises ``WrongUsage`` for a folder that holds anything else, or in which a demonstration is running.
        """
        ours = {path.name for path in self._contents()}
        if self.root.exists() and not self.root.is_dir():
            raise WrongUsage(f"{printable(self.root)}: is a file; name a folder for the demonstration")
        there = {path.name for path in self.root.iterdir()} if self.root.is_dir() else set()
        if there and not self._is_ours():
            raise WrongUsage(f"{printable(self.root)}: holds other files; name an empty or a new folder")
        if strangers := sorted(there - ours):
            raise WrongUsage(
                f"{printable(self.root / strangers[0])}: is not from a demonstration; move it away, or name another "
                "folder"
            )
        if (process := running_process(self.state)) is not None:
            raise WrongUsage(f"{printable(self.root)}: a daemon works here already (process {process}); stop it first")
        self._clear()

    def _contents(self) -> tuple[Path, ...]:
        return (self.capture, self.sorted, self.state, self.config, self.log, self.truth, self.report, self.mark)

    def _is_ours(self) -> bool:
        try:
            return bool(json.loads(self.mark.read_text(encoding="utf-8")).get("made_by") == MADE_BY)
        except (OSError, ValueError, AttributeError):
            return False

    def _clear(self) -> None:
        """The mark goes last and comes first: a clearing that was broken off can be taken up again."""
        for path in self._contents()[:-1]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        self.root.mkdir(parents=True, exist_ok=True)
        self.mark.write_text(json.dumps({"made_by": MADE_BY}) + "\n", encoding="utf-8")
        self.capture.mkdir()
