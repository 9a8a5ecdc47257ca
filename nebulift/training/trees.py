"""Boosted trees over the features: the second opinion inside the model, for numbers whose limits matter.

Fitted with scikit-learn, kept and run as plain arrays; ``nebulift_export`` puts them into the ONNX graph as one node.
"""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nebulift.preprocess import FIRST_OF_SESSION

# Shallow and many, each on half of the frames: what Friedman (2002, Comput. Stat. Data Anal. 38, 367) recommends
TREES = 220
LEARNING_RATE = 0.05
DEPTH = 4
FRAMES_A_LEAF = 15
SHARE_A_TREE = 0.5
SHARE_ALONE = 0.3  # of a frame's weight, without its session; as the network forgets it in training
LEAF = -1


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """All nodes of all trees in a row; the log-odds of clean are ``base`` and the sum of the leaves' ``value``."""

    feature: NDArray[np.int64]  # (n,) column that the node asks, LEAF for leaves
    threshold: NDArray[np.float32]  # (n,) up to here to the left, beyond to the right
    left: NDArray[np.int64]  # (n,) number of the node, among all
    right: NDArray[np.int64]
    value: NDArray[np.float32]  # (n,)
    root: NDArray[np.int64]  # (trees,)
    base: NDArray[np.float32]  # (1,)

    def logit(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds of clean for each row of ``features`` (n, len(FEATURES))."""
        node = np.tile(self.root, (len(features), 1))
        row = np.arange(len(features))[:, None]
        while (self.feature[node] != LEAF).any():
            asked = self.feature[node]
            is_left = features[row, np.maximum(asked, 0)] <= self.threshold[node]
            node = np.where(asked == LEAF, node, np.where(is_left, self.left[node], self.right[node]))
        return np.asarray(float(self.base[0]) + self.value[node].astype(np.float64).sum(axis=1))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Name and array of each part, for a checkpoint."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """The inverse; raises ``TypeError`` when a part is missing."""
        return cls(**arrays)


def fit_trees(
    features: NDArray[np.float32],
    clean: NDArray[np.float64],
    weight: NDArray[np.float64],
    *,
    seed: int,
    trees: int = TREES,
) -> Trees:
    """Trees that tell ``clean`` (targets 0..1) from the features; each frame is also shown without its session.

    The same seed and frames give the same trees. Needs scikit-learn.
    """
    from sklearn.ensemble import GradientBoostingClassifier  # noqa: PLC0415  with the [train] extra only

    alone = features.copy()
    alone[:, FIRST_OF_SESSION:] = 0.0
    # a frame between clean and contaminated counts as both, by its share
    parts = [(features, 1.0 - SHARE_ALONE), (alone, SHARE_ALONE)]
    rows = np.concatenate([part for part, _ in parts for _ in range(2)])
    labels = np.concatenate([np.full(len(features), label) for _ in parts for label in (1, 0)])
    shares = np.concatenate([share * weight * part for _, share in parts for part in (clean, 1.0 - clean)])
    counted = shares > 0.0
    model = GradientBoostingClassifier(
        n_estimators=trees,
        learning_rate=LEARNING_RATE,
        max_depth=DEPTH,
        min_samples_leaf=FRAMES_A_LEAF,
        subsample=SHARE_A_TREE,
        random_state=seed,
    )
    model.fit(rows[counted], labels[counted], sample_weight=shares[counted] * counted.sum() / shares.sum())
    return _as_arrays(model, features[:1])


def _as_arrays(model: Any, probe: NDArray[np.float32]) -> Trees:
    trees = [one.tree_ for one in model.estimators_.ravel()]
    sizes = np.array([tree.node_count for tree in trees])
    root = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([np.asarray(getattr(tree, name)).reshape(-1) for tree in trees])

    shift = np.repeat(root, sizes)
    is_leaf = joined("children_left") == LEAF
    value = np.where(is_leaf, LEARNING_RATE * joined("value"), 0.0).astype(np.float32)
    found = Trees(
        np.where(is_leaf, LEAF, joined("feature")).astype(np.int64),
        np.where(is_leaf, np.float32(0.0), _not_above(joined("threshold"))),
        np.where(is_leaf, 0, joined("children_left") + shift).astype(np.int64),
        np.where(is_leaf, 0, joined("children_right") + shift).astype(np.int64),
        value,
        root,
        np.zeros(1, np.float32),
    )
    base = float(model.decision_function(probe)[0] - found.logit(probe)[0])
    return Trees(**{**found.arrays(), "base": np.array([base], np.float32)})


def _not_above(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """The greatest float32 that is not above: features are float32, so every comparison ends as with the double."""
    rounded = threshold.astype(np.float32)
    below = np.nextafter(rounded, np.float32(-np.inf))
    return np.asarray(np.where(rounded.astype(np.float64) > threshold, below, rounded), dtype=np.float32)
