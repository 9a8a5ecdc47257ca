"""Out-of-fold scores of both branches: what a network and trees say about frames that they have not learned from.

The weights of branches and fusion are fitted on these (stacking, Wolpert 1992, Neural Networks 5, 241): on the frames
that it learned from, a network is surer than it has reason to be. A fold's network is trained for all its epochs and
taken as it is then, so the frames of the fold have no word in it. Needs torch.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.training.lesson_views import PartOf
from nebulift.training.metrics import roc_auc
from nebulift.training.network import new_network
from nebulift.training.ranks import Ranks
from nebulift.training.sample import Lessons
from nebulift.training.trainer import TrainingPlan, scored, train
from nebulift.training.trees import fit_trees
from nebulift.whole_file import write_whole

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """Log-odds of clean of every frame by the network and by the trees that know nothing of its ``fold``, each (n,)."""

    network: Floats
    trees: Floats
    fold: NDArray[np.intp]


def fold_logits(
    lessons: Lessons,
    mine: NDArray[np.intp],
    size: str,
    plan: TrainingPlan,
    *,
    ranks: Ranks | None = None,
    snapshot_path: Path | None = None,
) -> Floats:
    """(network, trees) log-odds of the frames ``mine``, (2, len(mine)), by branches that learned from the others.

    Goes on from ``snapshot_path`` where an earlier run was stopped. Raises ``TrainingError``.
    """
    rest = np.setdiff1d(np.arange(len(lessons)), mine)
    others, own = PartOf(lessons, rest), PartOf(lessons, mine)
    network = new_network(size, plan.seed)
    train(network, others, None, plan, ranks=ranks, snapshot_path=snapshot_path, resume=True)
    trees = fit_trees(others.features(), others.targets(), others.weights(), seed=plan.seed)
    return np.stack([scored(network, own, ranks)[:, 0], trees.logit(own.features())])


def out_of_fold(
    lessons: Lessons,
    fold: NDArray[np.intp],
    size: str,
    plan: TrainingPlan,
    *,
    ranks: Ranks | None = None,
    tell: Callable[[str], None] | None = None,
    kept: Path | None = None,
) -> OutOfFold:
    """All frames, fold by fold; those that an earlier run left in the folder ``kept`` are not trained again.

    Raises ``TrainingError``, as when all but one fold hold one class only.
    """
    found = np.zeros((2, len(lessons)))
    for number in sorted(set(fold.tolist())):
        mine = np.flatnonzero(fold == number)
        file = None if kept is None else kept / f"fold-{_made_of(lessons, mine, size, plan)}.npz"
        if file is not None and file.exists():
            found[:, mine] = read_logits(file)
            continue
        if tell is not None:
            tell(f"fold {number + 1}: a network that learns from the {len(lessons) - len(mine)} frames outside it")
        snapshot = None if file is None else file.with_suffix(".snapshot.pth")
        found[:, mine] = fold_logits(lessons, mine, size, plan, ranks=ranks, snapshot_path=snapshot)
        if file is not None and snapshot is not None and (ranks is None or ranks.is_first):
            write_logits(file, found[:, mine])
            snapshot.unlink(missing_ok=True)
    return OutOfFold(found[0], found[1], fold)


def write_logits(file: Path, logits: Floats) -> None:
    """Keep the scores of one fold, at once."""
    content = io.BytesIO()
    np.savez(content, logits=logits)
    write_whole(file, content.getvalue())


def read_logits(file: Path) -> Floats:
    """The inverse of ``write_logits``."""
    with np.load(file) as content:
        return np.asarray(content["logits"], dtype=np.float64)


def _made_of(lessons: Lessons, mine: NDArray[np.intp], size: str, plan: TrainingPlan) -> str:
    """A name for what comes of these frames, this fold and this plan; others have another one."""
    digest = hashlib.sha256(f"{size} {plan}".encode())
    for part in (lessons.features(), lessons.targets(), lessons.weights(), mine):
        digest.update(part.tobytes())
    return digest.hexdigest()[:12]


def by_camera(held_out: OutOfFold, clean: Floats, cameras: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Of each camera: frames, its fold, and ROC-AUC of both branches on decided frames; JSON-ready."""
    found = {}
    decided = (clean < 0.3) | (clean > 0.7)
    names = np.array(cameras, dtype=str)
    for camera in sorted(set(cameras)):
        own = decided & (names == camera)
        found[camera] = {
            "frames": int(np.sum(names == camera)),
            "folds": sorted({int(one) for one in held_out.fold[names == camera]}),
            "network_auc": roc_auc(held_out.network[own], clean[own] > 0.5),
            "trees_auc": roc_auc(held_out.trees[own], clean[own] > 0.5),
        }
    return found
