"""Nothing phones home, and what runs on a small computer never needs what only training needs."""

import os
import re
import shutil
import subprocess
import sys
import textwrap

import pytest
from framefiles import fits_bytes

from nebulift.model_card import default_model_path
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


# -- what the kernel saw ----------------------------------------------------------------------------------------------

SECONDS_UNTIL_IT_SPEAKS = 16  # onnxruntime 1.31 opens its sockets 12 s after a session was made
CALLS = "trace=socket,connect,sendto,sendmsg,openat,open,creat,mkdir,mkdirat,rename,renameat,unlink"


def seen_by_the_kernel(folder, code, **environment):
    """(sockets opened, files and folders made) by Python code that then waits for what others do behind its back."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    log = folder / "strace"
    for place in (home := folder / "home", home / ".cache"):
        place.mkdir(exist_ok=True)
    inherited = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    waiting = f"{textwrap.dedent(code)}\nimport time\ntime.sleep({SECONDS_UNTIL_IT_SPEAKS})"
    command = ["strace", "-f", "-qq", "-e", CALLS, "-e", "signal=none", "-o", log, sys.executable, "-c", waiting]
    done = subprocess.run(command, env=inherited | environment, capture_output=True, text=True, check=False)
    if "Operation not permitted" in done.stderr:
        pytest.skip("this process may not be traced")
    assert done.returncode == 0, done.stderr
    calls = log.read_text(errors="replace").splitlines()
    sockets = [call for call in calls if re.search(r"\b(socket|connect|sendto|sendmsg)\(", call)]
    made = [call for call in calls if "O_CREAT" in call or re.search(r"\b(creat|mkdir|mkdirat)\(", call)]
    return sockets, [call for call in made if " = -1 " not in call and "/dev/null" not in call]


@pytest.mark.slow
def test_the_real_judge_opens_no_socket_and_makes_no_file(tmp_path, light):
    judged = f"""
        from pathlib import Path
        from nebulift.classifier import load_classifier
        from nebulift.pipeline import judge

        assert judge(Path({str(light)!r}), model=load_classifier()).verdict.model
    """
    assert seen_by_the_kernel(tmp_path, judged) == ([], [])
    assert sorted(path.name for path in (tmp_path / "home").rglob("*")) == [".cache"]


@pytest.mark.slow
def test_onnxruntime_left_to_itself_would_have_spoken(tmp_path):
    """Otherwise the test above would prove nothing."""
    model = str(default_model_path())
    sockets, made = seen_by_the_kernel(tmp_path, f"import onnxruntime\nonnxruntime.InferenceSession({model!r})")
    if not sockets and not made:
        pytest.skip("this build of onnxruntime has no telemetry")
    assert any("socket(AF_INET" in call for call in sockets) or made
