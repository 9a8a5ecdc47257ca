"""Do the libraries load, and the model? How long does it take? Does it keep quiet?"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from nebulift.doctor.check import Check, fail, ok, warn

TOPIC = "model"
TIMEOUT_S = 180  # as the daemon's own patience with its judge


def model_checks(model: str, threads: int) -> Iterator[Check]:
    """What a process of its own finds when it loads everything that a judge needs."""
    facts = _probed(model, threads)
    if isinstance(facts, str):
        yield fail(TOPIC, f"the libraries that judge frames do not load: {facts}", "install Nebulift anew")
        return
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    yield ok(TOPIC, f"Python {sys.version.split()[0]}, {versions}")
    if model == "none":
        yield ok(TOPIC, "no model is asked for: the measurements decide alone")
    elif "trouble" in facts:
        yield warn(TOPIC, facts["trouble"], "name another file below [model], or install Nebulift anew")
    else:
        times = f"loaded in {facts['load_ms']:.0f} ms, {facts['inference_ms']:.0f} ms a frame with {threads} thread(s)"
        yield ok(TOPIC, f"{facts['name']}: {times}; its self-test passed")
        yield _telemetry(quiet=facts["quiet"])
        if not facts["pinned"]:
            yield warn(
                TOPIC,
                f"{model}: no list of hashes vouches for it, so whoever replaces the file changes the verdicts",
                "nebulift models install it, and name the active.onnx of that folder below [model]",
            )


def _telemetry(*, quiet: bool) -> Check:
    if quiet:
        return ok(TOPIC, "onnxruntime's telemetry is off: no network connection was opened")
    return warn(
        TOPIC,
        "onnxruntime opened a network connection",
        "set ORT_DISABLE_TELEMETRY=1 in the environment, and report this",
    )


def _probed(model: str, threads: int) -> dict[str, Any] | str:
    """The facts, or what the process died of."""
    with tempfile.TemporaryDirectory(prefix="nebulift-doctor-") as home:  # libraries write their caches there
        environment = os.environ | {"HOME": home, "XDG_CACHE_HOME": home, "XDG_CONFIG_HOME": home}
        environment["PYTHONSAFEPATH"] = "1"  # our own modules, not those of a checkout that we happen to stand in
        command = [sys.executable, "-m", "nebulift.doctor.model_probe", model, str(threads)]
        try:
            done = subprocess.run(  # noqa: S603 - our own module
                command, capture_output=True, text=True, timeout=TIMEOUT_S, env=environment, check=False
            )
        except subprocess.TimeoutExpired:
            return f"not within {TIMEOUT_S} s"
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        hint = "; this processor lacks instructions that they use" if name == "SIGILL" else ""
        return f"the process ended by {name}{hint}"
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines() or ["it said nothing"]
    if done.returncode:
        return lines[-1]
    facts: dict[str, Any] = json.loads(lines[-1])
    return facts
