"""The recipe's folds: branches that have not seen the camera say what they think of its frames, for the fusion.

Each fold is trained on one thread and kept as a file of its own, so folds can be shared among processes and machines, a
run that was stopped goes on where it was, and the result is the same bit by bit, whoever trains them. Needs torch.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray

from nebulift.errors import TrainingError
from nebulift.parallel import Hands, in_order
from nebulift.simulate.rig_kinds import sort_of
from nebulift.training.cross_fit import OutOfFold, fold_logits, read_logits, write_logits
from nebulift.training.grouped_choice import folds_of_cameras
from nebulift.training.network_choices import sampler_by_network
from nebulift.training.ranks import Ranks
from nebulift.training.simulated_lessons import SimulatedLessons
from nebulift.training.simulated_sessions import read_sessions
from nebulift.training.trainer import TrainingPlan
from nebulift.whole_file import write_whole


@dataclass(frozen=True, slots=True)
class Folding:
    """What is folded, and how: the training course's chunks, so many folds of whole cameras, the plan of each."""

    folder: Path
    chunks: tuple[Path, ...]
    size: str
    plan: TrainingPlan
    count: int
    device: str = "cpu"

    @property
    def paths(self) -> list[Path]:
        """The file of each fold; another plan or other sessions have other files."""
        made = made_of(self.size, self.plan, self.chunks)
        return [self.folder / f"fold-{made}-{number + 1}of{self.count}.npz" for number in range(self.count)]


def made_of(size: str, plan: TrainingPlan, chunks: Sequence[Path]) -> str:
    """A name for what comes of a network, a plan and sessions: others have another one."""
    parts = (size, repr(plan), *(chunk.name for chunk in chunks))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def train_folds(folding: Folding, *, workers: int = 1, shard: tuple[int, int] = (0, 1)) -> None:
    """Train the folds that are not there yet; a ``shard`` (i, n) only every n-th from the i-th on."""
    _check_chunks(folding.chunks)
    folding.folder.mkdir(parents=True, exist_ok=True)
    first, step = shard
    wanted = [number for number in range(first, folding.count, step) if not folding.paths[number].exists()]
    if not wanted:
        return
    workers = 1 if folding.device == "cuda" else min(workers, len(wanted))  # they would wait for the one card
    jobs = [(folding, tuple(wanted[worker::workers])) for worker in range(workers)]
    for _ in in_order(_train_some, jobs, Hands(workers)):
        pass


def read_folds(folding: Folding, lessons: SimulatedLessons) -> OutOfFold:
    """The scores of all folds, in the order of ``lessons``."""
    fold = _fold_of(lessons, folding.count)
    found = np.zeros((2, len(lessons)))
    for number, path in enumerate(folding.paths):
        found[:, fold == number] = read_logits(path)
    return OutOfFold(found[0], found[1], fold)


def chosen_by_network(folder: Path, chunks: Sequence[Path], plan: TrainingPlan) -> tuple[str, dict[str, list[float]]]:
    """The sampler that grouped validation of small networks chooses, and its losses; asked once, then kept."""
    _check_chunks(chunks)
    path = folder / f"sampler-{made_of('', plan, chunks)}.json"
    if path.exists():
        record = json.loads(path.read_text(encoding="utf-8"))
        return record["sampler"], record["losses"]
    with one_thread():
        lessons = SimulatedLessons(read_sessions(chunks))
        sampler, losses = sampler_by_network(lessons, lessons.sessions, plan, click.echo)
    write_whole(path, json.dumps({"sampler": sampler, "losses": losses}).encode())
    return sampler, losses


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread: sums come out the same bit by bit on every machine of a kind, and processes share cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _train_some(job: tuple[Folding, tuple[int, ...]]) -> int:
    folding, numbers = job
    lessons = SimulatedLessons(read_sessions(folding.chunks))
    fold = _fold_of(lessons, folding.count)
    with one_thread():
        for number in numbers:
            path = folding.paths[number]
            mine = np.flatnonzero(fold == number)
            cameras = ", ".join(sorted({lessons.frames[index].camera for index in mine}))
            click.echo(f"fold {number + 1} of {folding.count}: {len(lessons) - len(mine)} frames, without {cameras}")
            snapshot = path.with_suffix(".snapshot.pth")
            logits = fold_logits(
                lessons, mine, folding.size, folding.plan, ranks=Ranks(wanted=folding.device), snapshot_path=snapshot
            )
            write_logits(path, logits)
            snapshot.unlink(missing_ok=True)
    return len(numbers)


def _fold_of(lessons: SimulatedLessons, count: int) -> NDArray[np.intp]:
    """Sorts of rigs are left out whole: a branch is to be weighed on what it has never seen the like of."""
    return folds_of_cameras([sort_of(frame.camera) for frame in lessons.frames], count)


def _check_chunks(chunks: Sequence[Path]) -> None:
    missing = [chunk for chunk in chunks if not chunk.exists()]
    if missing:
        raise TrainingError(
            f"{missing[0]}: {len(missing)} of {len(chunks)} sessions are not simulated yet; make all of them first "
            f"(--only-simulate, every --shard)"
        )
