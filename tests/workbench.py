"""Sorting in this process, step by step, for tests that look between the steps: real files, real ledger, no daemon."""

from pathlib import Path

import fake_judge
from trees import frame

from nebulift.judgement import as_record
from nebulift.verdict import Label
from nebulift_daemon.filer import Filer
from nebulift_daemon.filing import Act, carry_out
from nebulift_daemon.judge_messages import JUDGED, Answer
from nebulift_daemon.ledger import Ledger
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.placing import sha256_of
from nebulift_daemon.reviews import OutputTree
from nebulift_daemon.sessions import Sessions
from nebulift_daemon.sighting import look
from nebulift_daemon.sorter import Sorter

FRAMES = {"clean": frame(b"CLEAN"), "contaminated": frame(b"TRAIL"), "review": frame(b"DOUBT")}


class DirectJudge:
    """The judge of tests/fake_judge.py without a process of its own."""

    def __init__(self):
        self.sessions = {}

    def judge(self, task):
        judgement = fake_judge.judge(task.sighting.path, sessions=self.sessions)
        return Answer(JUDGED, sha256_of(task.sighting.path), as_record(judgement), "group", None)


class Workbench:
    """Capture folder, output root and ledger below ``base``; ``sort()`` takes every new frame once."""

    def __init__(self, base, act=Act.LINK, carry_out=carry_out, judge=None):
        self.judge = judge or DirectJudge()
        self.base = Path(base)
        self.capture = self.base / "cap"
        self.capture.mkdir(exist_ok=True)
        self.root = self.base / "out"
        self.state = self.base / "state"
        self.now = 0.0
        self.act = act
        self.carry_out = carry_out
        self.open()

    def open(self):
        """As a process that starts does."""
        self.ledger = Ledger.open(self.state)
        self.output = OutputRoot(self.root, self.state)
        self.output.begin(known=self.ledger.memory.has_folder(self.root))
        self.ledger.memory.keep_folders([self.root])
        self.owner = self.ledger.memory.identity()
        self.filer = Filer(
            self.ledger,
            self.output,
            dict.fromkeys(Label, self.act),
            {self.capture: ""},
            lambda *_: False,
            act=self._carry_out,
            clock=lambda: self.now,
        )
        self.announced = []
        self.sorter = Sorter(
            self.ledger,
            self.judge,
            self.filer,
            Sessions(self.ledger),
            announce=self.announced.append,
            pause=lambda _: False,
        )
        self.tree = OutputTree(self.ledger, self.output)

    def _carry_out(self, *arguments):
        return self.carry_out(*arguments)  # looked up at each call: tests replace it

    def reopen(self):
        """As after a crash: nothing is remembered but what is on the disk."""
        self.ledger.close()
        self.open()

    def put(self, name, content):
        """A frame that the capture program has finished."""
        path = self.capture / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FRAMES.get(content, content))
        return path

    def sort(self):
        """Judge and file whatever is new; the outcomes by name."""
        outcomes = {}
        for path in sorted(self.capture.rglob("*.fits")):
            if seen := look(path):
                outcomes[str(path.relative_to(self.capture))] = self.sorter.take(seen, self.capture).name
        return outcomes

    def row(self, name):
        return self.ledger.frames.at_path(self.capture / name)[0]
