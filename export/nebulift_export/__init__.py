"""From a trained checkpoint to the one ONNX file that the Raspberry Pi runs. Needs the [train] extra."""
