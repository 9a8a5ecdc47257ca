"""``nebulift benchmark``: CPU time and memory of judging, on this machine."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from nebulift.benchmark import Cost


@click.command()
@click.option("--sizes", default="2,16,26", show_default=True, help="Megapixels: any of 2, 16, 26, 61.")
@click.option("--peers", is_flag=True, help="Run sep on the same frames, if it is installed.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="How often each is measured.")
@click.option("--model", default="default", show_default=True, help="ONNX model to time; '' for none.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def benchmark(sizes: str, peers: bool, rounds: int, model: str, as_json: bool) -> None:
    """Measure CPU time by stage, latency and peak memory of judging frames of several sizes, with one thread.

    Beside it stands the least that reading the file can cost. Last, frames that no telescope takes must be answered
    with finite numbers.

    \b
    Example:
      nebulift benchmark --sizes 2,16,26,61 --peers
    """
    from nebulift.benchmark import SIZES_PX
    from nebulift.benchmark import benchmark as run
    from nebulift.errors import WrongUsage

    wanted = [part.strip() for part in sizes.split(",") if part.strip()]
    known = {str(size) for size in SIZES_PX}
    if not wanted or not known.issuperset(wanted):
        raise WrongUsage(f"--sizes {sizes}: only {', '.join(sorted(known, key=int))} are known; separate with commas")
    with tempfile.TemporaryDirectory(prefix="nebulift-benchmark-") as folder:
        costs = run([int(size) for size in wanted], Path(folder), model=model or None, peers=peers, rounds=rounds)
    if as_json:
        click.echo(json.dumps([asdict(cost) for cost in costs]))
    else:
        _print_table(costs)
        _print_hostile(model or None)
        if model:
            _print_model(model)


def _print_model(name: str) -> None:
    """Latency of the model alone, peak memory, and its answers to hostile inputs."""
    from nebulift.benchmark import peak_resident_mb
    from nebulift.classifier import load_classifier
    from nebulift.errors import ModelMismatch
    from nebulift.model_benchmark import measure_model

    try:
        found = measure_model(load_classifier(name))
    except ModelMismatch as error:
        click.echo(str(error), err=True)
        return
    told = ", ".join(f"{kind} {answer}" for kind, answer in found.hostile.items())
    click.echo(
        f"{found.model}: median {found.median_ms:.2f} ms, p95 {found.p95_ms:.2f} ms a frame, one thread; "
        f"memory of this process at most {peak_resident_mb():.0f} MB"
    )
    click.echo(f"hostile inputs, P(clean): {told}")


def _print_table(costs: list[Cost]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="CPU ms, one thread, median of the rounds")
    table.add_column("stage")
    for cost in costs:
        table.add_column(f"{cost.megapixels} MP", justify="right")
    for stage in costs[0].stages_ms:
        table.add_row(stage, *(f"{cost.stages_ms.get(stage, 0.0):.0f}" for cost in costs))
    table.add_section()
    rows: dict[str, Callable[[Cost], str]] = {
        "total": lambda cost: f"{cost.total_ms:.0f}",
        "floor: strips read and binned": lambda cost: f"{cost.floor_ms:.1f}",
        "total / floor": lambda cost: f"{cost.total_ms / cost.floor_ms:.1f}",
        "line search alone": lambda cost: f"{cost.search_ms:.0f}",
        "latency, median": lambda cost: f"{cost.latency_ms:.0f}",
        "latency, 95 %": lambda cost: f"{cost.latency_p95_ms:.0f}",
        "memory loaded, MB": lambda cost: f"{cost.loaded_mb:.0f}",
        "memory at most, MB": lambda cost: f"{cost.peak_mb:.0f}",
    }
    for form in costs[0].network_ms:
        rows[f"network alone, {form}"] = lambda cost, form=form: f"{cost.network_ms[form]:.1f}"  # type: ignore[misc]
    if any(cost.peer_ms for cost in costs):
        rows["sep, ms"] = lambda cost: f"{cost.peer_ms:.0f}" if cost.peer_ms else "-"
        rows["total / sep"] = lambda cost: f"{cost.total_ms / cost.peer_ms:.2f}" if cost.peer_ms else "-"
    for name, cell in rows.items():
        table.add_row(name, *(cell(cost) for cost in costs))
    Console().print(table)


def _print_hostile(model: str | None) -> None:
    """How frames that no telescope takes are answered."""
    from nebulift.benchmark import loaded
    from nebulift.hostile_frames import FINE, REFUSED, answers

    found = answers(loaded(model))
    wrong = {name: answer for name, answer in found.items() if answer not in (FINE, REFUSED)}
    click.echo(f"hostile frames answered with finite numbers, or refused: {len(found) - len(wrong)} of {len(found)}")
    for name, answer in wrong.items():
        click.echo(f"  {name}: {answer}")
