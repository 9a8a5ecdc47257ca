"""What the demonstration shows: the beginning, one line a verdict, a line of what goes on, and the end."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from nebulift.demo.place import DemoFolder
from nebulift.demo.tally import Compared, Outcome, Said, sentences
from nebulift_daemon.printing import one_line

COLOURS = {"clean": "green", "contaminated": "red", "review": "yellow", "unreadable": "red", "marginal": "yellow"}
MARKS = {
    Outcome.RIGHT: ("right", "green"),
    Outcome.BORDERLINE: ("borderline", "yellow"),
    Outcome.LEFT_TO_YOU: ("left to you", "yellow"),
    Outcome.MISSED: ("missed", "bold red"),
    Outcome.FALSE_ALARM: ("false alarm", "bold red"),
    Outcome.NO_VERDICT: ("no verdict", "bold red"),
}
VERDICT_WIDTH = len("contaminated")


class Screen:
    """Draws on ``console``; ``with screen:`` keeps the line of what goes on at the bottom of a terminal."""

    def __init__(self, console: Console, frames: int) -> None:
        self._console = console
        self._frames = frames
        self._taken = 0
        self._counts = {"clean": 0, "contaminated": 0, "review": 0}
        self._live = Live(console=console, transient=True, refresh_per_second=4)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def begin(self, place: DemoFolder, night: str, command: str) -> None:
        """What is about to be seen."""
        self._console.print(Text("Nebulift: a night in a minute", style="bold"))
        self._console.print(Text(f"{self._frames} made-up frames: {night}."))
        self._console.print(Text("What is wrong with each of them is known, but not to the daemon."))
        self._console.print()
        for name, text in (
            ("camera", f"a capture program writes them to {shown(place.capture)}, one after the other"),
            ("daemon", command),
            ("sorted", f"into {shown(place.sorted)} by hard links; the capture folder stays as it is"),
            ("review", "means: not sure enough, a person decides"),
        ):
            self._console.print(Text.assemble((f"{name:<8}", "bold"), text))
        self._console.print()

    def note(self, text: str) -> None:
        """Something worth knowing that is no verdict."""
        self._console.print(Text(one_line(text), style="dim"), soft_wrap=False)

    def taken(self, number: int) -> None:
        """So many frames have been taken."""
        self._taken = number
        self._live.update(self._goings_on())

    def verdict(self, number: int, said: Said) -> None:
        """One frame has got its verdict."""
        self._counts[said.verdict] = self._counts.get(said.verdict, 0) + 1
        line = Table.grid(padding=(0, 2, 0, 0))
        line.add_row(
            Text(f"frame {number:>2}", style="dim"),
            Text(f"{said.verdict:<{VERDICT_WIDTH}}", style=COLOURS.get(said.verdict, "")),
            Text("    " if said.score is None else f"{said.score:4.2f}", style="dim"),
            Text(one_line(said.reason)),
        )
        self._console.print(line)
        self._live.update(self._goings_on())

    def _goings_on(self) -> Text:
        judged = sum(self._counts.values())
        camera = (
            f"exposing frame {self._taken + 1} of {self._frames}" if self._taken < self._frames else "night is over"
        )
        counts = ", ".join(f"{number} {label}" for label, number in self._counts.items())
        parts = (("\ncamera  ", "bold"), f"{camera:<26}", ("daemon  ", "bold"), f"{judged} judged: {counts}")
        return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")

    def end(self, frames: Sequence[Compared]) -> None:
        """Truth and verdict, frame by frame, and the sum of it."""
        self._console.print()
        self._console.print(table(frames))
        self._console.print()
        for line in sentences(frames):
            self._console.print(Text(line))

    def places(self, lines: Sequence[tuple[str, str]]) -> None:
        """Where everything lies and what to try next."""
        self._console.print()
        for name, text in lines:
            self._console.print(Text.assemble((f"{name:<8}", "bold"), text), soft_wrap=True)


def table(frames: Sequence[Compared]) -> Table:
    """One row a frame."""
    drawn = Table(title="What was put in, and what was found", title_justify="left", title_style="bold", box=None)
    drawn.add_column("frame", justify="right", style="dim")
    drawn.add_column("put in")
    drawn.add_column("verdict")
    drawn.add_column("found")
    drawn.add_column("")
    for number, frame in enumerate(frames, 1):
        truth, said = frame.truth, frame.said
        words, style = MARKS[frame.outcome]
        put_in = ", ".join(truth.kinds) or "nothing"
        drawn.add_row(
            str(number),
            Text(f"{put_in} (slight)" if truth.label == "marginal" else put_in),
            Text("none") if said is None else Text(said.verdict, style=COLOURS.get(said.verdict, "")),
            Text(", ".join(said.kinds) if said and said.verdict != "clean" else ""),
            Text(words, style=style),
        )
    return drawn


def shown(path: Path) -> str:
    """The path as short as it can be written from here."""
    here = Path.cwd()
    return f"{path.relative_to(here)}" if path.is_relative_to(here) else str(path)
