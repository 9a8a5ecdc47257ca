"""``nebulift`` called in this process: what it prints and its exit status."""

import logging
from dataclasses import dataclass
from pathlib import Path

import pytest

from nebulift.cli import main


@dataclass
class Called:
    status: int
    out: str
    err: str


@pytest.fixture
def nebulift(capfd, monkeypatch):
    """A function that runs the command line, with the judge of tests/fake_judge.py on the children's path."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.delenv("NEBULIFT_CONFIG", raising=False)

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def call(*arguments):
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        printed = capfd.readouterr()
        assert "Traceback" not in printed.err
        return Called(ended.value.code or 0, printed.out, printed.err)

    yield call
    root.handlers[:] = handlers
    root.setLevel(level)
