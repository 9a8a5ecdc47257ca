"""A state machine plays capture program, daemon, person and lightning: whatever the order, the invariants hold.

A crash can come between any two steps: before an act on the disk, after it, and at each write of the ledger. After
every step all bytes that ever entered are found, and nothing that lay anywhere was replaced.
"""

import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from trees import census, frame
from workbench import Workbench

from nebulift.verdict import Label
from nebulift_daemon.filing import Act, carry_out
from nebulift_daemon.ledger.database import Database
from nebulift_daemon.placing import sha256_of
from nebulift_daemon.reviews import decide
from nebulift_daemon.undo import undo_all

NAMES = st.sampled_from(["Light_001.fits", "Light_002.fits", "M31/Light_001.fits"])
WORDS = {"clean": b"CLEAN", "contaminated": b"TRAIL", "review": b"DOUBT"}


class Lightning(BaseException):
    """Not an Exception: no barrier of ours may survive it."""


class Night(RuleBasedStateMachine):
    act = Act.LINK

    @initialize()
    def begin(self):
        self.base = Path(tempfile.mkdtemp())
        self.entered = {}
        self.strike_in = None
        self.number = 0
        self.bench = Workbench(self.base, self.act, carry_out=self.act_or_die)
        self.patch = pytest.MonkeyPatch()
        write = Database.transaction

        def transaction_or_die(database, **options):
            self.maybe_strike()
            return write(database, **options)

        self.patch.setattr(Database, "transaction", transaction_or_die)

    def maybe_strike(self):
        if self.strike_in is not None:
            self.strike_in -= 1
            if self.strike_in < 0:
                self.strike_in = None
                raise Lightning

    def act_or_die(self, *arguments):
        self.maybe_strike()
        done = carry_out(*arguments)
        self.maybe_strike()
        return done

    def surviving(self, work):
        """Do the work; when lightning strikes, start again as after a power cut."""
        try:
            return work()
        except Lightning:
            self.bench.reopen()
            self.bench.tree.notice()
            self.bench.filer.retry()
            return None
        finally:
            self.strike_in = None

    @rule(name=NAMES, label=st.sampled_from(sorted(WORDS)))
    def a_frame_is_captured(self, name, label):
        path = self.bench.capture / name
        if path.exists():
            return  # a capture program takes the next free number
        self.number += 1
        content = frame(WORDS[label] + f" {self.number}".encode())
        self.bench.put(name, content)
        self.entered[sha256_of(path)] = content

    @rule(steps=st.none() | st.integers(0, 12))
    def the_daemon_sorts(self, steps):
        self.strike_in = steps
        self.surviving(self.bench.sort)

    @rule(label=st.sampled_from(list(Label)), steps=st.none() | st.integers(0, 4), data=st.data())
    def a_person_decides(self, label, steps, data):
        rows = [
            row for row in self.bench.ledger.frames.newest(20) if row.destination and row.state in {"filed", "reviewed"}
        ]
        rows = [row for row in rows if row.destination.exists()]
        if rows and label is not Label.REVIEW:
            row = data.draw(st.sampled_from(rows))
            self.strike_in = steps
            self.surviving(lambda: decide(self.bench.ledger, self.bench.output, row, label, None, "web"))

    @rule(label=st.sampled_from(list(Label)), data=st.data())
    def a_person_moves_a_file_by_hand(self, label, data):
        files = sorted(path for path in self.bench.root.rglob("*.fits"))
        if files:
            path = data.draw(st.sampled_from(files))
            place = self.bench.root / label / path.name
            if not place.exists():
                path.rename(place)
        self.bench.tree.notice()

    @rule(steps=st.none() | st.integers(0, 6), newest_only=st.booleans())
    def filing_is_undone(self, steps, newest_only):
        actions = self.bench.ledger.history.actions_since("")
        chosen = actions[:1] if newest_only else actions
        self.strike_in = steps
        self.surviving(lambda: list(undo_all(self.bench.ledger, chosen, self.bench.root, self.bench.owner)))

    @precondition(lambda self: self.number > 2)
    @rule()
    def the_ledger_is_lost(self):
        self.bench.ledger.close()
        for path in self.bench.state.iterdir():
            path.unlink()
        self.bench.open()
        self.bench.tree.notice()

    @invariant()
    def nothing_is_lost_and_nothing_replaced(self):
        if hasattr(self, "bench"):
            assert set(census(self.bench.capture, self.bench.root)) >= set(self.entered)

    @invariant()
    def no_file_holds_anything_but_a_whole_frame(self):
        if hasattr(self, "bench"):
            whole = set(self.entered.values())
            for path in (*self.bench.root.rglob("*"), *self.bench.capture.rglob("*")):
                if path.is_file() and path.name != ".nebulift-root":
                    assert path.read_bytes() in whole, path

    @invariant()
    def a_moved_frame_is_in_exactly_one_place(self):
        if hasattr(self, "bench") and self.act is Act.MOVE:
            assert max(census(self.bench.capture, self.bench.root).values(), default=1) == 1

    @invariant()
    def what_the_ledger_calls_filed_is_there(self):
        if hasattr(self, "bench"):
            self.bench.tree.notice()
            for row in self.bench.ledger.frames.newest(50):
                if row.state in {"filed", "reviewed"} and row.destination is not None:
                    assert row.destination.exists(), row

    def teardown(self):
        if hasattr(self, "bench"):
            self.patch.undo()
            self.bench.ledger.close()
            shutil.rmtree(self.base)


class NightOfMoves(Night):
    act = Act.MOVE


class NightOfCopies(Night):
    act = Act.COPY


SOME = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
MANY = settings(SOME, max_examples=400)

TestNight, TestNightOfMoves, TestNightOfCopies = (kind.TestCase for kind in (Night, NightOfMoves, NightOfCopies))
for test in (TestNight, TestNightOfMoves, TestNightOfCopies):
    test.settings = SOME
del test


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("machine", [Night, NightOfMoves, NightOfCopies])
def test_many_nights(machine):
    run_state_machine_as_test(machine, settings=MANY)
