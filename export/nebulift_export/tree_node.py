"""Boosted trees as one node of the ONNX graph, in the place of an input of their name."""

import numpy as np
import onnx
from onnx import helper

from nebulift.training.trees import LEAF, Trees

TREES_OUTPUT = "trees"
ML_DOMAIN, ML_OPSET = "ai.onnx.ml", 3


def plant_trees(model: onnx.ModelProto, trees: Trees) -> None:
    """Replace the graph's input ``trees`` by a node that computes it from ``features``."""
    graph = model.graph
    kept = [given for given in graph.input if given.name != TREES_OUTPUT]
    del graph.input[:]
    graph.input.extend(kept)
    graph.node.insert(0, _node(trees))
    model.opset_import.append(helper.make_opsetid(ML_DOMAIN, ML_OPSET))


def _node(trees: Trees) -> onnx.NodeProto:
    sizes = np.diff(np.append(trees.root, len(trees.feature)))
    tree, start = np.repeat(np.arange(len(sizes)), sizes), np.repeat(trees.root, sizes)
    number = np.arange(len(trees.feature)) - start  # within its tree
    is_leaf = trees.feature == LEAF
    return helper.make_node(
        "TreeEnsembleRegressor",
        ["features"],
        [TREES_OUTPUT],
        name="trees_of_features",
        domain=ML_DOMAIN,
        n_targets=1,
        base_values=[float(trees.base[0])],
        aggregate_function="SUM",
        post_transform="NONE",
        nodes_treeids=tree.tolist(),
        nodes_nodeids=number.tolist(),
        nodes_featureids=np.where(is_leaf, 0, trees.feature).tolist(),
        nodes_values=trees.threshold.tolist(),
        nodes_modes=["LEAF" if leaf else "BRANCH_LEQ" for leaf in is_leaf],
        nodes_truenodeids=np.where(is_leaf, 0, trees.left - start).tolist(),
        nodes_falsenodeids=np.where(is_leaf, 0, trees.right - start).tolist(),
        nodes_missing_value_tracks_true=[0] * len(tree),
        target_treeids=tree[is_leaf].tolist(),
        target_nodeids=number[is_leaf].tolist(),
        target_ids=[0] * int(is_leaf.sum()),
        target_weights=trees.value[is_leaf].tolist(),
    )
