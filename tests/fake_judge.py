"""A judge for tests that is right by definition: it reads the verdict from the file's own words."""

import os
import signal
import time
from pathlib import Path

from nebulift.findings import Finding, Kind
from nebulift.judgement import Judgement, SessionContext
from nebulift.readers.fits_header import is_complete
from nebulift.verdict import Label, Verdict, unreadable


class GroupState:
    """How many frames this session has seen: enough to tell whether states survive."""

    def __init__(self, frames=0):
        self.frames = frames

    def to_json(self):
        return {"frames": self.frames}

    @classmethod
    def from_json(cls, stored):
        return cls(stored["frames"])


def judge(path, *, model=None, thresholds=None, policy=None, sessions=None):
    """CLEAN, TRAIL, DOUBT, DARK, GARBAGE in the file's last bytes; HANG, CRASH, GREEDY, SLOW and BUG misbehave."""
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - 2880))
        words = file.read()
    _misbehave(words)
    if b"DARK" in words:
        return Judgement(path, None, skipped="a dark frame")
    if b"GARBAGE" in words or not is_complete(path):
        return Judgement(path, unreadable("no frame in it"), error="no frame in it")
    group = sessions.setdefault("group", GroupState())
    context = SessionContext("group", group.frames, group.frames)
    group.frames += 1
    if b"TRAIL" in words:
        trail = Finding(Kind.STREAK, 0.9, "a trail, 900 px long")
        verdict = Verdict(Label.CONTAMINATED, 0.1, 0.1, None, None, (trail,), trail.text)
    elif b"DOUBT" in words:
        verdict = Verdict(Label.REVIEW, 0.5, 0.5, None, None, (), "undecided")
    else:
        verdict = Verdict(Label.CLEAN, 0.95, 0.95, None, None, (), "no artefact found")
    return Judgement(path, verdict, session=context)


def _misbehave(words):
    if b"HANG" in words:
        time.sleep(3600)
    if b"CRASH" in words:
        os.kill(os.getpid(), signal.SIGSEGV)
    if b"GREEDY" in words:
        bytearray(4 << 30)
    if b"SLOW" in words:
        time.sleep(0.3)
    if b"BUG" in words:
        raise ZeroDivisionError("an error in the judge")
