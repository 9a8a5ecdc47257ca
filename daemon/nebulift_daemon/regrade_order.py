"""What the daemon tells the process that looks back on a night, and what that says in the end: a line of JSON each."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from nebulift.verdict import Label
from nebulift_daemon.filing import Act


@dataclass(frozen=True, slots=True)
class Order:
    """Where to work, and what may be done."""

    output: Path
    state: Path
    acts: Mapping[Label, Act]
    subfolders: Mapping[Path, str]
    apply: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What looking back came to. ``trouble``: why it came to nothing."""

    frames: int = 0
    proposed: int = 0
    applied: int = 0
    left_alone: int = 0  # files that vanished, changed, or could not be read or moved
    trouble: str | None = None


def order_line(order: Order, night: str) -> str:
    """An order for a night as the daemon sends it."""
    return json.dumps(
        {
            "output": str(order.output),
            "state": str(order.state),
            "acts": {str(label): str(act) for label, act in order.acts.items()},
            "subfolders": [[str(folder), name] for folder, name in order.subfolders.items()],
            "apply": order.apply,
            "night": night,
        }
    )


def read_order(line: str) -> tuple[Order, str]:
    """The inverse of ``order_line``: the order and its night."""
    said = json.loads(line)
    acts = {Label(label): Act(act) for label, act in said["acts"].items()}
    subfolders = {Path(folder): name for folder, name in said["subfolders"]}
    return Order(Path(said["output"]), Path(said["state"]), acts, subfolders, said["apply"]), said["night"]


def report_line(report: Report) -> str:
    """A report as the process sends it."""
    return json.dumps(asdict(report))


def read_report(line: bytes) -> Report:
    """The inverse of ``report_line``; raises ``ValueError`` or ``TypeError`` on anything else."""
    return Report(**json.loads(line))
