"""A night whose first frames lie under thin cloud that only the later ones reveal, sorted as it came in.

Frames and first judgements are made once for all tests; what each test does with them is real.
"""

import functools
from dataclasses import replace

import numpy as np
import pytest
from workbench import Workbench

from nebulift import batch
from nebulift.judgement import as_record
from nebulift.pipeline import judge
from nebulift.simulate.causes import random_clouds
from nebulift.simulate.headers import header_cards
from nebulift.simulate.night import plan_night, rendered, setting_of
from nebulift.simulate.writer import fits_bytes
from nebulift.verdict import Label
from nebulift_daemon.filing import Act
from nebulift_daemon.judge_messages import JUDGED, Answer, JudgeOptions
from nebulift_daemon.nights import last_night, zone_of_site
from nebulift_daemon.placing import sha256_of
from nebulift_daemon.regrade import Wanted, look_back
from nebulift_daemon.regrade_filing import Places
from nebulift_daemon.undo import undo_all

SEED = 1
FRAMES = 10
CLOUDED = [f"M{number}.fits" for number in range(3)]
CLEAR = [f"M{number}.fits" for number in range(3, FRAMES)]
NO_MODEL = JudgeOptions(model="none")


@functools.cache
def night():
    """Name -> bytes, in order of time."""
    plans = plan_night(SEED, FRAMES, scenario="clear", size=(640, 480))
    first = plans[0]
    layer = random_clouds(np.random.default_rng(SEED), 0.9, setting_of(first.scene, first.rig))
    thin = (replace(layer, depth=0.6, contrast=0.1),)
    plans = [
        replace(plan, scene=replace(plan.scene, causes=thin if number < len(CLOUDED) else ()))
        for number, plan in enumerate(plans)
    ]
    names = CLOUDED + CLEAR
    files = (fits_bytes(rendered(plan).pixels, header_cards(plan), "none") for plan in plans)
    return dict(zip(names, files, strict=True))


KNOWN, SESSIONS = {}, {}  # what was said of each frame, and what the session looked like then
MEASURED = {}


@pytest.fixture(autouse=True)
def measured_once(monkeypatch):
    """Equal bytes are measured once for all tests of this process; all else of looking back is done each time."""
    measure = batch.measure_file

    def measured(path, *, with_planes):
        key = sha256_of(path), with_planes
        if key not in MEASURED:
            MEASURED[key] = measure(path, with_planes=with_planes)
        return replace(MEASURED[key], path=path)

    monkeypatch.setattr(batch, "measure_file", measured)


class NightJudge:
    """What the judge process says when the frames come in one after the other; asked once for each."""

    def judge(self, task):
        path = task.sighting.path
        sha256 = sha256_of(path)
        if sha256 not in KNOWN:
            judgement = judge(path, sessions=SESSIONS)
            group = judgement.session.group if judgement.session else None
            KNOWN[sha256] = (as_record(judgement), group)
        record, group = KNOWN[sha256]
        return Answer(JUDGED, sha256, record | {"path": str(path)}, group, None)


class CloudedNight(Workbench):
    """The night sorted below ``base``, and the commands of a person about it."""

    def __init__(self, base, act=Act.LINK):
        super().__init__(base, act, judge=NightJudge())
        for name, content in night().items():
            self.put(f"M31/{name}", content)
        self.sort()

    def places(self, **acts):
        every = {label: acts.get(str(label), self.act) for label in Label}
        return Places(self.output, every, {self.capture: ""}, lambda *_: False)

    def wanted(self, *, apply=False, undone_too=True):
        return Wanted((last_night(self.ledger, zone_of_site(self.ledger)),), apply=apply, undone_too=undone_too)

    def regrade(self, *, apply=False, undone_too=True, **acts):
        """What the command does."""
        self.tree.notice()
        return look_back(self.ledger, self.wanted(apply=apply, undone_too=undone_too), NO_MODEL, self.places(**acts))

    def undo(self, actions=None):
        """Take back these actions, or everything; the troubles."""
        actions = self.ledger.history.actions_since("") if actions is None else actions
        return [done.trouble for done in undo_all(self.ledger, actions, self.root, self.owner) if done.trouble]

    def regrades(self):
        """The actions that hindsight did."""
        return [action for action in self.ledger.history.actions_since("") if self.ledger.regrades.of_action(action.id)]

    def rows(self):
        """All that the ledger holds of the frames."""
        return self.ledger._database.rows("SELECT * FROM frames ORDER BY id")

    def labels(self):
        return {row.path.name: row.label for row in self.ledger.frames.newest(100)}
