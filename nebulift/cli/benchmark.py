"""``nebulift benchmark``: CPU time and memory of judging, on this machine."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nebulift.benchmark import Cost


@click.command()
@click.option("--sizes", default="2,16,26", show_default=True, help="Megapixels: any of 2, 16, 26, 61.")
@click.option("--peers", is_flag=True, help="Run sep on the same frames, if it is installed.")
@click.option("--model", default="default", show_default=True, help="ONNX model to time; '' for none.")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def benchmark(sizes: str, peers: bool, model: str, as_json: bool) -> None:
    """Measure CPU time by stage and peak memory of judging frames of several sizes, with one thread.

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
        costs = run([int(size) for size in wanted], Path(folder), model=model or None, peers=peers)
    if as_json:
        click.echo(json.dumps([asdict(cost) for cost in costs]))
    else:
        _print_table(costs)
    if model and not as_json:
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
    table.add_row("total", *(f"{cost.total_ms:.0f}" for cost in costs))
    table.add_row("memory loaded, MB", *(f"{cost.loaded_mb:.0f}" for cost in costs))
    table.add_row("memory at most, MB", *(f"{cost.peak_mb:.0f}" for cost in costs))
    if any(cost.peer_ms for cost in costs):
        table.add_row("sep, ms", *(f"{cost.peer_ms:.0f}" if cost.peer_ms else "-" for cost in costs))
        table.add_row(
            "total / sep", *(f"{cost.total_ms / cost.peer_ms:.2f}" if cost.peer_ms else "-" for cost in costs)
        )
    Console().print(table)
