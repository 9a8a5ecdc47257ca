"""``nebulift demo``: the whole product in a minute."""

import os
import signal
from pathlib import Path
from typing import Any

import click

from nebulift.cli.places import FOLDER

ALL_FRAMES = 28


@click.command()
@click.argument("folder", default=Path("demo"), type=FOLDER)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Another seed, another night.")
@click.option("--frames", default=ALL_FRAMES, type=click.IntRange(1, ALL_FRAMES), hidden=True)
@click.option("--pace", "pace_s", default=0.8, type=click.FloatRange(0.0), hidden=True)
def demo(folder: Path, seed: int, frames: int, pace_s: float) -> int:
    """See the whole product in a minute.

    Makes a night of frames with known artefacts, lets the real daemon sort them while they arrive, and holds its
    verdicts against the truth. Everything lies in FOLDER (demo), which must be new, empty, or from an earlier demo.

    \b
    Examples:
      nebulift demo
      nebulift demo /tmp/night --seed 5
    """
    from rich.console import Console

    from nebulift.demo.outlive_nobody import end_with_parent
    from nebulift.demo.run import run_demo

    signal.signal(signal.SIGTERM, _as_interrupt)
    signal.signal(signal.SIGHUP, _as_interrupt)
    if "MAKELEVEL" in os.environ:  # `make demo`: whoever kills make wants no demonstration to go on
        end_with_parent()
    return run_demo(folder, Console(highlight=False), seed=seed, frames=frames, pace_s=pace_s)


def _as_interrupt(_number: int, _frame: Any) -> None:
    """Whoever ends us, the processes that we started end with us."""
    raise KeyboardInterrupt
