"""Progress bars of the school's commands: rich where there is a terminal, plain lines elsewhere."""

from typing import Any, Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nebulift.errors import printable


class TrainingProgress:
    """A ``training.from_fits.Listener`` on the screen; a context manager."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bars = Progress(
            *columns, TextColumn("{task.fields[text]}"), console=self._console, disable=not self._console.is_terminal
        )
        self._task: Any = None
        self._name = ""

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def stage(self, name: str, total: int) -> None:
        self._name = name
        self._task = self._bars.add_task(name, total=total, text="")

    def step(self, done: int, text: str = "") -> None:
        self._bars.update(self._task, completed=done, text=text)
        if text and not self._console.is_terminal:
            click.echo(f"{self._name} {done}: {text}", err=True)

    def say(self, text: str) -> None:
        if self._console.is_terminal:
            self._console.print(printable(text), markup=False, highlight=False)
        else:
            click.echo(printable(text), err=True)
