"""Progress bars of the school's commands: rich where there is a terminal, plain lines elsewhere."""

import time
from typing import Any, Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nebulift.errors import printable

SILENCE_S = 20.0  # without a terminal, a line is written after so long


class TrainingProgress:
    """A ``training.from_fits.Listener`` on the screen; a context manager."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Progress(
            *columns, TextColumn("{task.fields[text]}"), console=self._console, disable=not self._console.is_terminal
        )
        self._task: Any = None
        self._name, self._total, self._said_at = "", 0, 0.0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def stage(self, name: str, total: int) -> None:
        self._name, self._total, self._said_at = name, total, time.monotonic()
        self._task = self._bars.add_task(name, total=total, text="")

    def step(self, done: int, text: str = "") -> None:
        self._bars.update(self._task, completed=done, text=text)
        if self._console.is_terminal:
            return
        if text or time.monotonic() - self._said_at > SILENCE_S:
            click.echo(f"{self._name} {done} of {self._total}{text and f': {text}'}", err=True)
            self._said_at = time.monotonic()

    def say(self, text: str) -> None:
        if self._console.is_terminal:
            self._console.print(printable(text), markup=False, highlight=False)
        else:
            click.echo(printable(text), err=True)
