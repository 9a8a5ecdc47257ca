"""``make faults``: the list of faults, and one line for each with what was counted when it was caused.

A test that causes a fault is marked ``@pytest.mark.fault(20)``, with the number from the list below, and tells its
figures by the fixture ``figures``: ``figures(kills=50, lost=0)``. The lines are printed with ``--fault-lines``.
"""

import time

import pytest

FAULTS = {
    1: "written in a trickle, the handle open",
    2: "half written, then silence, the handle open",
    3: "closed and opened again between the parts",
    4: "allocated first, filled later",
    5: "allocated first, filled from the end, header last",
    6: "renamed into the folder",
    7: "complete under a passing name, then renamed",
    8: "linked into the folder",
    9: "a whole night renamed into the folder",
    10: "subfolders filled before anybody watches them",
    11: "a burst of frames",
    12: "the kernel's event queue overflows",
    13: "a share without events (FUSE)",
    14: "no inotify at all",
    15: "file times of 1970 and 2242",
    16: "the clock jumps, no hardware clock",
    17: "one name for many frames, foreign files in the way",
    18: "the same bytes again",
    19: "overwritten while it is judged",
    20: "kill -9 again and again",
    21: "kill -9 again and again, across disks",
    22: "power cuts",
    23: "power cuts, across disks",
    24: "asked to stop in the middle of work",
    25: "the disk is full",
    26: "the disk turns read-only",
    27: "moves across disks",
    28: "the capture folder is deleted and made again",
    29: "the capture folder is mounted over, unmounted, mounted again",
    30: "output folders are taken away",
    31: "a file that cannot be moved",
    32: "hostile files, names and things that are no files",
    33: "61 megapixels with little memory",
    34: "the ledger is damaged, deleted, rolled back, read-only",
    35: "the ledger is locked",
    36: "two daemons",
    37: "wrong configurations",
    38: "20 000 frames waiting at the start",
    39: "nothing to do",
    40: "systemd's watchdog",
    41: "from the last byte to the sorted folder",
    42: "the model is missing, cut, of another shape, full of NaN",
    43: "the model is replaced during work",
    44: "the model is malicious",
    45: "the judge hangs",
    46: "the judge crashes",
    47: "no processor time",
    48: "no inodes, input/output errors",
    49: "what wears the card",
    50: "a person sorts along",
    51: "the review page under attack",
    52: "the output disk is unplugged",
}
FIGURES = "figures"


def pytest_addoption(parser):
    parser.addoption("--fault-lines", action="store_true", help="print one line a fault, and demand all of the list")


def pytest_collection_modifyitems(items):
    for item in items:
        for mark in item.iter_markers("fault"):
            assert set(mark.args) <= set(FAULTS), f"{item.nodeid}: {mark.args} is not in the list of faults"
            item.user_properties.append(("faults", mark.args))


@pytest.fixture
def figures(record_property):
    """A function that notes what was counted, for the line of this fault."""
    return lambda **counted: record_property(FIGURES, " ".join(f"{name}={shown(n)}" for name, n in counted.items()))


def shown(number):
    return f"{number:.3g}" if isinstance(number, float) else str(number)


class Lines:
    """Prints a line when a test that causes a fault has ended; in the end, which faults nobody has caused."""

    def __init__(self, config):
        self._config = config
        self._caused = set()
        self._ended = {}

    def pytest_report_teststatus(self, report):
        return (report.outcome, "", "") if report.when == "call" else None  # our lines instead of dots

    def pytest_runtest_logreport(self, report):
        if report.when == "teardown" and report.nodeid in self._ended:
            self._line(report.nodeid, *self._ended.pop(report.nodeid), also_failed=report.failed)
        elif report.when == "call" or report.outcome != "passed":
            self._ended[report.nodeid] = (report, report.outcome)

    def _tell(self, line):
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        reporter.ensure_newline()
        reporter.write_line(line)

    def _line(self, node, report, outcome, *, also_failed):
        facts = [value for name, value in report.user_properties if name == FIGURES]
        verdict = "FAIL" if also_failed else {"passed": "PASS", "failed": "FAIL", "skipped": "SKIP"}[outcome]
        if outcome == "skipped":
            facts = [str(report.longrepr[2]).removeprefix("Skipped: ")]
        for number in [number for name, value in report.user_properties if name == "faults" for number in value]:
            self._caused |= {number} if outcome == "passed" else set()
            what = node.rpartition("::")[2].removeprefix("test_").replace("_", " ")
            told = "  ".join([*facts, f"{report.duration:.1f} s"])
            self._tell(f"{verdict}  {number:2}  {FAULTS[number]}: {what}  {told}")

    def pytest_sessionfinish(self, session):
        missing = sorted(set(FAULTS) - self._caused)
        for number in missing:
            self._tell(f"FAIL  {number:2}  {FAULTS[number]}: nobody has caused it")
        if missing and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_configure(config):
    if config.getoption("--fault-lines"):
        config.pluginmanager.register(Lines(config))


def seconds_since(started):
    """Seconds since ``time.monotonic()`` gave ``started``, for the line of a fault."""
    return time.monotonic() - started
