"""Nothing phones home, and what runs on a small computer never needs what only training needs."""

import os
import subprocess
import sys
import textwrap

import pytest
from framefiles import fits_bytes

from nebulift.simulate import star_field

RUNTIME = [
    *("nebulift", "nebulift.pipeline", "nebulift.classifier", "nebulift.cv_prefilter", "nebulift.fits_processor"),
    *("nebulift.batch", "nebulift.preprocess", "nebulift.explain", "nebulift.benchmark", "nebulift.simulate"),
    *("nebulift.doctor", "nebulift_daemon.service", "nebulift_daemon.watcher"),
]
PACKAGES = ("torch", "torchvision", "onnx", "sklearn", "matplotlib")
REFUSE_NETWORK = """
    import socket, sys

    def heard(event, arguments):
        if event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "socket.sendto", "urllib.Request"):
            raise AssertionError(f"{event} {arguments}")

    sys.addaudithook(heard)
"""


def refuse(*packages):
    """Code after which importing one of these packages, or anything in them, is an error that nobody expects."""
    return f"""
    import sys

    class Refuse:
        def find_spec(self, name, path=None, target=None):
            if any(name == one or name.startswith(one + ".") for one in {packages}):
                raise AssertionError(f"{{name}} was imported")

    sys.meta_path.insert(0, Refuse())
    """


def run(*parts, **environment):
    """The code in a Python of its own; what it printed."""
    code = "\n".join(textwrap.dedent(part) for part in parts)
    inherited = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", code],
        env=inherited | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def light(tmp_path):
    path = tmp_path / "light.fits"
    path.write_bytes(fits_bytes(star_field(400, 300, density_per_mpx=500).pixels))
    return path


def test_the_runtime_imports_nothing_of_training():
    run(refuse(*PACKAGES, "nebulift.training", "nebulift_export"), *(f"import {module}" for module in RUNTIME))


def test_the_names_of_training_can_be_imported_without_its_packages():
    run(refuse(*PACKAGES), "import nebulift.ml_model")


def test_a_frame_is_judged_with_training_packages_out_of_reach(light):
    judged = f"""
        from pathlib import Path
        from nebulift.pipeline import judge

        print(judge(Path({str(light)!r})).verdict.label)
    """
    assert run(refuse(*PACKAGES, "nebulift.training"), judged).strip() == "clean"


def test_a_frame_is_judged_without_a_word_to_the_network(light):
    judged = f"""
        from nebulift.cli import main

        main(["classify", "--json", {str(light)!r}])
    """
    assert '"verdict": ' in run(REFUSE_NETWORK, judged)


def test_onnxruntime_is_told_to_be_silent_before_it_is_imported(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    loaded = f"""
        import os, sys
        from pathlib import Path

        class Watch:
            def find_spec(self, name, path=None, target=None):
                if name == "onnxruntime":
                    print("telemetry off:", os.environ.get("ORT_DISABLE_TELEMETRY"))

        sys.meta_path.insert(0, Watch())
        from nebulift.classifier import load_classifier
        from nebulift.errors import ModelMismatch

        assert "onnxruntime" not in sys.modules
        try:
            load_classifier(Path({str(tmp_path / "model.onnx")!r}))
        except ModelMismatch:
            assert "onnxruntime" in sys.modules
    """
    assert run(loaded) == "telemetry off: 1\n"
    assert run(loaded, ORT_DISABLE_TELEMETRY="0") == "telemetry off: 1\n"


def test_no_module_but_the_classifier_imports_onnxruntime():
    listed = f"""
        import sys
        {"; ".join(f"import {module}" for module in RUNTIME)}
        print("onnxruntime" in sys.modules)
    """
    assert run(listed) == "False\n"
