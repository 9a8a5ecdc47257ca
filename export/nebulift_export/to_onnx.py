"""Checkpoint -> ONNX: calibration and sigmoid inside the graph, one file, checked against torch or not written."""

import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nebulift.errors import TrainingError
from nebulift.model_card import METADATA_KEY, ModelCard
from nebulift.preprocess import FEATURES, GRID, PLANES
from nebulift.training.checkpoint import Checkpoint, load_checkpoint
from nebulift.training.network import FIRST_KIND, FrameNetwork
from nebulift.training.trees import Trees
from nebulift.whole_file import write_whole
from nebulift_export.card import card_of
from nebulift_export.runtime import Outputs, run_model
from nebulift_export.tree_node import TREES_OUTPUT, plant_trees

OPSET = 20  # the oldest onnxruntime we allow, 1.20, knows 21
IR_VERSION = 10  # likewise
PARITY = 1e-5  # greatest difference of any probability to torch's
PARITY_FRAMES = 5


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. ``parity``: greatest difference to torch over the frames it was checked on."""

    path: Path
    bytes: int
    parity: float
    card: ModelCard


class CalibratedNetwork(nn.Module):
    """The network with its calibration: planes and features to P(clean) (B,), probabilities of kinds (B, K) and of the
    steps of severity (B, 2).

    ``trees``: the trees' log-odds (B, 1), where there are trees.
    """

    offset: Tensor
    slope: Tensor
    trees_slope: Tensor

    def __init__(self, network: FrameNetwork, calibration: Mapping[str, float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("offset", torch.tensor(float(calibration.get("offset", 0.0))))
        self.register_buffer("slope", torch.tensor(float(calibration.get("slope", 1.0))))
        self.register_buffer("trees_slope", torch.tensor(float(calibration.get("trees_slope", 0.0))))

    def forward(self, planes: Tensor, features: Tensor, trees: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        logits = self.network(planes, features)
        overall = self.offset + self.slope * logits[:, 0]
        if trees is not None:
            overall = overall + self.trees_slope * trees[:, 0]
        steps, kinds = logits[:, 1:FIRST_KIND], logits[:, FIRST_KIND:]
        return torch.sigmoid(overall), torch.sigmoid(kinds), torch.sigmoid(steps)


def export_checkpoint(checkpoint: Path | Checkpoint, output: Path, *, card: ModelCard | None = None) -> Exported:
    """Write the checkpoint's network and card to ``output``. Raises ``TrainingError``; then nothing is written."""
    loaded = load_checkpoint(checkpoint) if isinstance(checkpoint, Path) else checkpoint
    module = CalibratedNetwork(loaded.network, loaded.about.get("calibration", {})).eval()
    model = _traced(module, loaded.trees)
    write_card(model, card or card_of(loaded))
    content = model.SerializeToString()
    parity = _parity(module, loaded.trees, content)
    if parity > PARITY:
        raise TrainingError(
            f"{output}: not written, because onnxruntime and torch differ by {parity:.1e} (at most {PARITY:.0e}); "
            f"try other versions of torch, onnx and onnxruntime"
        )
    write_at_once(output, content)
    return Exported(output, len(content), parity, card or card_of(loaded))


def write_card(model: onnx.ModelProto, card: ModelCard) -> None:
    """Put ``card`` into the metadata of ``model`` in place of what is there."""
    del model.metadata_props[:]
    entry = model.metadata_props.add()
    entry.key, entry.value = METADATA_KEY, card.to_json()


def rewrite_card(path: Path, card: ModelCard) -> None:
    """Replace the card in the model at ``path``; its weights stay as they are."""
    model = onnx.load_model_from_string(path.read_bytes())
    write_card(model, card)
    write_at_once(path, model.SerializeToString())


def write_at_once(path: Path, content: bytes) -> None:
    """Write ``content`` so that there is never half a model under the final name. Raises ``TrainingError``."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise TrainingError(f"{path}: cannot be written ({error.strerror}); check folder and space") from error


def _traced(module: CalibratedNetwork, trees: Trees | None) -> onnx.ModelProto:
    """The graph, with a batch of any size, without names of source files."""
    batch = torch.export.Dim("batch", min=1)
    names = ["planes", "features"] if trees is None else ["planes", "features", TREES_OUTPUT]
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # the exporter warns about itself
        file = Path(folder) / "model.onnx"
        torch.onnx.export(
            module,
            _given(*_frames(2), trees),
            str(file),
            dynamo=True,
            opset_version=OPSET,
            input_names=names,
            output_names=["clean", "kinds", "severity"],
            dynamic_shapes=tuple({0: batch} for _ in names),
            external_data=False,
            optimize=True,
            verbose=False,
        )
        model = onnx.load(file)
    model.ir_version = min(model.ir_version, IR_VERSION)
    if trees is not None:
        plant_trees(model, trees)
    _strip(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def _strip(model: onnx.ModelProto) -> None:
    """Take out what the exporter notes about each node: it holds paths of the machine that ran it."""
    model.producer_name, model.producer_version, model.doc_string = "nebulift export", "", ""
    del model.metadata_props[:]
    graph = model.graph
    graph.doc_string = ""
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    del graph.metadata_props[:]


def _given(planes: NDArray[np.float32], features: NDArray[np.float32], trees: Trees | None) -> tuple[Tensor, ...]:
    """What the module takes for these inputs."""
    given = (torch.from_numpy(planes), torch.from_numpy(features))
    if trees is None:
        return given
    return (*given, torch.from_numpy(trees.logit(features).astype(np.float32)[:, None]))


def _parity(module: CalibratedNetwork, trees: Trees | None, content: bytes) -> float:
    worst = 0.0
    for count in (1, PARITY_FRAMES):
        planes, features = _frames(count)
        with torch.no_grad():
            clean, kinds, _ = module(*_given(planes, features, trees))
        answered: Outputs = run_model(content, planes, features)
        worst = max(
            worst,
            float(np.abs(answered.clean - clean.numpy()).max()),
            float(np.abs(answered.kinds - kinds.numpy()).max()),
        )
    return worst


def _frames(count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Inputs within the range that ``preprocess`` gives."""
    rng = np.random.default_rng(5)
    planes = rng.normal(0.0, 1.0, (count, len(PLANES), GRID, GRID)).astype(np.float32)
    return planes, rng.normal(0.0, 1.0, (count, len(FEATURES))).astype(np.float32)
