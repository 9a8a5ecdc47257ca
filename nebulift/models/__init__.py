"""The default model: ``default.onnx``, its card in words, and ``manifest.json`` with their hashes."""
