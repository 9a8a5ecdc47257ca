"""What may be installed beside us: no version with a known hole is allowed, and what is pinned is allowed."""

import re
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("packaging")

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
# the last version with the hole, and which, by the advisories (https://osv.dev has them all)
HOLES = {
    "torch": ("2.9.1", "CVE-2026-24747: a checkpoint runs code although weights_only is set"),
    "onnx": ("1.20.1", "CVE-2026-27489, CVE-2026-34445: external data by a link from anywhere; keys nobody checks"),
    "astropy": ("5.3.2", "CVE-2023-41334: a name runs a command"),
    "opencv-python-headless": ("4.8.0.76", "CVE-2023-4863: a WebP picture writes beyond its buffer"),
    "jinja2": ("3.1.5", "CVE-2025-27516: a template leaves its sandbox"),
    "starlette": ("1.3.0", "CVE-2026-48710, CVE-2026-54283: Host and path poison request.url; forms without limits"),
    "scikit-learn": ("1.4.2", "CVE-2024-5206: training data kept where nobody expects them"),
}
PINNED_ONLY = {"h11": ("0.15.0", "CVE-2025-43859: a chunk that ends elsewhere")}  # comes with uvicorn


def required():
    """Every requirement of ours, by its name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    return {canonicalize_name(one.name): one for one in map(Requirement, lines)}


def pinned(file):
    """Name and version of each pin."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", (ROOT / file).read_text(), re.MULTILINE)
    return {canonicalize_name(name): Version(version) for name, version in pins}


@pytest.mark.parametrize("name", HOLES)
def test_no_version_with_a_known_hole_may_be_installed(name):
    last_bad, _ = HOLES[name]
    assert not required()[name].specifier.contains(last_bad), HOLES[name]


@pytest.mark.parametrize("file", ["constraints.txt", "constraints-dev.txt"])
def test_what_is_pinned_is_allowed_and_has_no_known_hole(file):
    pins = pinned(file)
    assert len(pins) > 15
    for name, one in required().items():
        if name in pins:
            assert one.specifier.contains(pins[name]), name
    for name, (last_bad, why) in (HOLES | PINNED_ONLY).items():
        assert pins.get(name, Version("9999")) > Version(last_bad), (name, why)
