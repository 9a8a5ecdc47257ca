"""The demonstration from beginning to end."""

import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any

from rich.console import Console

from nebulift.demo.place import DemoFolder
from nebulift.demo.processes import Ears, camera_command, daemon_command, running, write_config
from nebulift.demo.screen import Screen, shown
from nebulift.demo.story import Shot, plan_shots
from nebulift.demo.tally import Compared, Said, Truth, compared
from nebulift.errors import NebuliftError
from nebulift.simulate.labels import write_labels

PATIENCE_S = 60.0  # without a word from camera or daemon
REPORT_WITHIN_S = 60.0


class Watched:
    """What camera and daemon have told so far."""

    def __init__(self, place: DemoFolder, shots: Sequence[Shot], screen: Screen) -> None:
        self._place = place
        self._numbers = {str(shot.path): number for number, shot in enumerate(shots, 1)}
        self._screen = screen
        self.rows: dict[str, dict[str, str]] = {}
        self.said: dict[str, Said] = {}

    @property
    def complete(self) -> bool:
        return len(self.rows) == len(self._numbers) == len(self.said)

    def camera_said(self, row: dict[str, str]) -> None:
        """A frame has been taken; its truth is not shown before the end."""
        self.rows[row["path"]] = row
        self._screen.taken(len(self.rows))

    def daemon_said(self, entry: dict[str, Any]) -> None:
        """A verdict, or a line of the log."""
        if entry.get("event") != "verdict":
            self._screen.note(str(entry.get("message", "")))
            return
        name = str(PurePosixPath(entry["path"]).relative_to(self._place.capture))
        verdict = Said(
            entry["verdict"], entry["score"], tuple(entry["kinds"]), _without(entry["reason"], entry["path"])
        )
        self.said[name] = verdict
        self._screen.verdict(self._numbers.get(name, 0), verdict)

    def compared(self) -> list[Compared]:
        """Truth and verdict of every frame that was taken, in order of time."""
        frames = [
            Truth(name, row["label"], tuple(pair.split(":")[0] for pair in row["kinds"].split(";") if pair))
            for name, row in self.rows.items()
        ]
        return [compared(truth, self.said.get(truth.name)) for truth in frames]


def run_demo(root: Path, console: Console, *, seed: int, frames: int, pace_s: float) -> int:
    """The exit status: 0 when every frame got a verdict. All that is made lies in ``root``.

    Raises ``WrongUsage`` for a folder that is not ours, ``NebuliftError`` when camera or daemon give up.
    """
    began = time.monotonic()
    place = DemoFolder(root.absolute())
    place.claim()
    write_config(place)
    shots = plan_shots(seed, frames)
    screen = Screen(console, len(shots))
    screen.begin(place, _night(shots[0]), f"nebulift watch --config {shown(place.config)}")
    watched = _watch(place, shots, screen, seed, pace_s)
    _write_truth(place, watched)
    screen.end(watched.compared())
    screen.places([*_report(place), *_places(place), ("took", f"{time.monotonic() - began:.0f} s")])
    return 0 if watched.complete else 1


def _watch(place: DemoFolder, shots: Sequence[Shot], screen: Screen, seed: int, pace_s: float) -> Watched:
    """Camera and daemon side by side until every frame has its verdict."""
    ears, watched = Ears(), Watched(place, shots, screen)
    log = place.log
    with screen, ExitStack() as processes:
        processes.enter_context(running(daemon_command(place), source="daemon", ears=ears, log=log))
        camera = camera_command(place, seed, len(shots), pace_s)
        processes.enter_context(running(camera, source="camera", ears=ears, log=log))
        while not watched.complete:
            heard = ears.next(PATIENCE_S)
            if heard is None:
                screen.note(f"nothing happened for {PATIENCE_S:.0f} s; see {shown(log)}")
                break
            if heard.said is None:
                if heard.source == "daemon" or len(watched.rows) < len(shots):
                    raise NebuliftError(f"the {heard.source} of the demonstration ended early; {shown(log)} tells why")
            elif heard.source == "camera":
                watched.camera_said(heard.said)
            else:
                watched.daemon_said(heard.said)
    return watched


def _write_truth(place: DemoFolder, watched: Watched) -> None:
    """``labels.csv``, as ``nebulift evaluate`` and people read it."""
    folder = place.capture.name
    write_labels(place.truth, (row | {"path": f"{folder}/{row['path']}"} for row in watched.rows.values()))


def _night(shot: Shot) -> str:
    scene, camera = shot.plan.scene, shot.plan.rig.camera
    return f"{scene.target.name} with a {camera.name}, {scene.exposure_s:g} s each"


def _without(reason: str, path: str) -> str:
    """The reason without the frame's own path in front: a line of the screen is short."""
    return reason.removeprefix(f"{path}: ")


def _report(place: DemoFolder) -> list[tuple[str, str]]:
    """Where the night's page lies; or, in one line, that there is none."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "nebulift",
        "report",
        "--config",
        str(place.config),
        "--html",
        str(place.report),
    ]
    try:
        done = subprocess.run(  # noqa: S603 - our own command
            command, capture_output=True, text=True, timeout=REPORT_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired:
        return [("report", f"none: it was not ready within {REPORT_WITHIN_S:.0f} s")]
    if done.returncode == 0 and place.report.is_file():
        return [("report", f"{shown(place.report)} (open it in a browser)")]
    return [("report", f"none: {(done.stderr.strip().splitlines() or ['it ended without a word'])[-1]}")]


def _places(place: DemoFolder) -> list[tuple[str, str]]:
    program = Path(sys.executable).with_name("nebulift")
    nebulift = shown(program) if program.exists() else "nebulift"
    counts = [(label, _files_below(place.sorted / label)) for label in ("clean", "contaminated", "review")]
    listed = ", ".join(f"{label}/ {number}" for label, number in counts)
    return [
        ("sorted", f"{shown(place.sorted)}: {listed}"),
        ("truth", f"{shown(place.truth)}; the daemon's log is {shown(place.log)}"),
        ("try", f"{nebulift} review --config {shown(place.config)}"),
        ("", f"{nebulift} serve --config {shown(place.config)}"),
    ]


def _files_below(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))
