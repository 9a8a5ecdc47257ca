"""Small ONNX models, good and bad, for tests of what may be loaded and what happens when a model is replaced."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402  after it is known that onnx is there

from nebulift.model_card import METADATA_KEY, ModelCard  # noqa: E402
from nebulift.preprocess import FEATURES, GRID, PLANES, PREPROCESS_VERSION, ModelInput  # noqa: E402

KINDS = ("streak", "cloud")
CARD = ModelCard("probe 1", "mean of the planes", PREPROCESS_VERSION, PLANES, GRID, FEATURES, KINDS)
EMPTY = ModelInput(np.zeros((len(PLANES), GRID, GRID), np.float32), np.zeros(len(FEATURES), np.float32))


def model(kinds=2, offset=0.0, grid=GRID, outputs=("clean", "kinds"), sigmoid=True):
    """A graph whose P(clean) is the sigmoid of offset + the mean of planes and features."""
    values = {"offset": np.array([offset], np.float32), "ones": np.ones((1, kinds), np.float32)}
    nodes = [
        helper.make_node("ReduceMean", ["planes"], ["p"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("ReduceMean", ["features"], ["f"], axes=[1], keepdims=0),
        helper.make_node("Add", ["p", "f"], ["sum"]),
        helper.make_node("Add", ["sum", "offset"], ["z"]),
        helper.make_node("Sigmoid" if sigmoid else "Identity", ["z"], [outputs[0]]),
        helper.make_node("Unsqueeze", [outputs[0]], ["column"], axes=[1]),
        helper.make_node("Mul", ["column", "ones"], [outputs[1]]),
    ]
    graph = helper.make_graph(
        nodes,
        "probe",
        [
            helper.make_tensor_value_info("planes", TensorProto.FLOAT, ["batch", len(PLANES), grid, grid]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", len(FEATURES)]),
        ],
        [
            helper.make_tensor_value_info(outputs[0], TensorProto.FLOAT, ["batch"]),
            helper.make_tensor_value_info(outputs[1], TensorProto.FLOAT, ["batch", kinds]),
        ],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)


def written(path, made, card=CARD):
    if card is not None:
        entry = made.metadata_props.add()
        entry.key, entry.value = METADATA_KEY, card if isinstance(card, str) else card.to_json()
    path.write_bytes(made.SerializeToString())
    return path
