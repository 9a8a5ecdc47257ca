"""``nebulift export``: a checkpoint as the ONNX file that the Raspberry Pi runs."""

from pathlib import Path
from typing import Any

import click

from nebulift.errors import WrongUsage


@click.command()
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="M.onnx", help="Where to write it.")
@click.option("--int8", is_flag=True, help="Also write M.int8.onnx, a quarter of the size, if it answers the same.")
@click.option(
    "--dataset-dir", type=click.Path(path_type=Path), metavar="DIR", help="Data set to quantise with (for --int8)."
)
def export(checkpoint: Path, output: Path, int8: bool, dataset_dir: Path | None) -> None:
    """Turn CHECKPOINT (.pth) into one ONNX file with its model card inside.

    The file is written only when onnxruntime and torch agree to 1e-5. With --int8 the frames of the data set tell the
    ranges; the small model is written only when AUC falls by no more than 0.005 and at most 1 % of the verdicts change.
    Where both lie side by side, the daemon measures for half a second which is sooner done, and takes that.

    \b
    Examples:
      nebulift export model.pth --output model.onnx
      nebulift export model.pth --output model.onnx --int8 --dataset-dir dataset
    """
    from nebulift.ml_model import needs_torch

    if int8 and dataset_dir is None:
        raise WrongUsage("--int8 needs real inputs: name the data set it was trained with (--dataset-dir DIR)")
    exported = needs_torch("nebulift_export.to_onnx", "export").export_checkpoint(checkpoint, output)
    click.echo(f"{output}: {exported.bytes} bytes, {exported.card.name}, differs from torch by {exported.parity:.1e}")
    if int8 and dataset_dir is not None:
        click.echo(_quantised(output, exported, dataset_dir).reason)


def _quantised(output: Path, exported: Any, dataset_dir: Path) -> Any:
    import numpy as np

    from nebulift.classifier import int8_file
    from nebulift.ml_model import AstroImageDataset, needs_torch

    quantize = needs_torch("nebulift_export.quantize", "export")
    samples, clean = [], []
    for part in ("train", "val"):
        dataset = AstroImageDataset.from_folder(dataset_dir / part)
        samples += [dataset.sample(index) for index in range(len(dataset))]
        clean += [label == 1 for label in dataset.labels]
    planes, features = (np.stack([getattr(one, name) for one in samples]) for name in ("planes", "features"))
    small = int8_file(output)
    return quantize.quantise(output.read_bytes(), exported.card, small, planes, features, np.array(clean))
