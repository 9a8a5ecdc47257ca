"""The judge process may crash, hang, grow and lie: its parent survives and says what happened."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from daemon_process import wait_until
from hypothesis import given
from hypothesis import strategies as st
from trees import frame

from nebulift.findings import Kind
from nebulift.verdict import Action, Policy, Thresholds
from nebulift_daemon.judge_client import JudgeClient, JudgeUnavailable
from nebulift_daemon.judge_messages import (
    DEFAULT_JUDGE,
    Answer,
    JudgeOptions,
    Task,
    answer_line,
    first_line,
    read_answer,
    read_first_line,
    read_task,
    task_line,
)
from nebulift_daemon.judging_process import fair_limit_mb
from nebulift_daemon.placing import sha256_of
from nebulift_daemon.sighting import Sighting, look

TESTS = str(Path(__file__).parent)


@pytest.fixture
def client(monkeypatch):
    """A function that makes clients; their processes are ended afterwards."""
    monkeypatch.setenv("PYTHONPATH", TESTS)
    clients = []

    def make(judge="fake_judge:judge", sessions=dict, keep_going=lambda: True, **options):
        clients.append(JudgeClient(JudgeOptions(judge=judge, **options), sessions, keep_going))
        return clients[-1]

    yield make
    for each in clients:
        each.close()


def put(folder, words, name="a.fits"):
    path = folder / name
    path.write_bytes(frame(words))
    return Task(look(path))


def is_running(pid):
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_frame_is_judged_and_hashed(tmp_path, client):
    task = put(tmp_path, b"TRAIL")
    answer = client().judge(task)
    assert answer.outcome == "judged"
    assert answer.record["verdict"] == "contaminated"
    assert answer.record["kinds"] == {"streak": 0.9}
    assert answer.sha256 == sha256_of(task.sighting.path)


def test_the_process_stays_and_remembers_the_session(tmp_path, client):
    judge = client()
    first, second = (judge.judge(put(tmp_path, b"CLEAN", name)) for name in ("a.fits", "b.fits"))
    assert (first.state, second.state) == ({"frames": 1}, {"frames": 2})
    assert second.record["session"]["frames_before"] == 1


def test_a_fresh_process_goes_on_with_the_saved_session(tmp_path, client):
    judge = client(sessions=lambda: {"group": {"frames": 7}})
    assert judge.judge(put(tmp_path, b"CLEAN")).state == {"frames": 8}


def test_sessions_larger_than_a_pipe_get_through(tmp_path, client):
    judge = client(sessions=lambda: {"group": {"frames": 1}, "other": {"frames": 2, "map": "x" * 3_000_000}})
    assert judge.judge(put(tmp_path, b"CLEAN")).state == {"frames": 2}


@pytest.mark.fault(45, 46)
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (b"CRASH", "the judge process ended (SIGSEGV)"),
        (b"BUG", "an error of Nebulift's own (ZeroDivisionError: an error in the judge); please report it"),
        (b"GREEDY", "judging it takes more than 300 MB of memory"),
        (b"HANG", "judging took longer than 1 s and was stopped"),
    ],
)
def test_misbehaviour_is_told_in_words_and_the_next_frame_is_judged(tmp_path, client, words, reason):
    judge = client(memory_mb=300, timeout_s=1.0 if words == b"HANG" else 30.0)
    answer = judge.judge(put(tmp_path, words, "bad.fits"))
    assert (answer.outcome, answer.reason) == ("failed", reason)
    assert judge.judge(put(tmp_path, b"CLEAN")).outcome == "judged"


@pytest.mark.fault(45)
def test_a_stopped_process_is_replaced(tmp_path, client):
    judge = client(timeout_s=1.0)
    judge.start()
    os.kill(judge.pid, signal.SIGSTOP)
    assert judge.judge(put(tmp_path, b"CLEAN")).outcome == "failed"
    assert judge.judge(put(tmp_path, b"CLEAN")).outcome == "judged"


def test_a_process_killed_from_outside_is_told_apart(tmp_path, client):
    judge = client()
    judge.start()
    os.kill(judge.pid, signal.SIGKILL)
    assert "SIGKILL, perhaps out of memory" in judge.judge(put(tmp_path, b"CLEAN")).reason


def test_large_frames_get_more_time(client):
    judge = client(timeout_s=60)
    assert judge.deadline_s(0) == 60
    assert judge.deadline_s(122_000_000) == 182


def test_a_file_that_changes_while_it_is_judged_has_no_verdict(tmp_path, client):
    task = put(tmp_path, b"SLOW")
    judge = client()
    judge.start()
    timer = threading.Timer(0.2, lambda: task.sighting.path.write_bytes(frame(b"OTHER")))
    timer.start()
    assert judge.judge(task).outcome == "changed"
    timer.join()
    task.sighting.path.unlink()
    assert judge.judge(task).outcome == "vanished"


def test_a_name_that_is_a_link_by_now_is_not_followed(tmp_path, client):
    task = put(tmp_path, b"CLEAN")
    task.sighting.path.rename(tmp_path / "b.fits")
    task.sighting.path.symlink_to(tmp_path / "b.fits")
    assert client().judge(task).outcome == "vanished"


def test_known_bytes_are_not_judged_again(tmp_path, client):
    task = put(tmp_path, b"CRASH")
    sha256 = sha256_of(task.sighting.path)
    answer = client().judge(Task(task.sighting, ("0" * 64, sha256)))
    assert (answer.outcome, answer.sha256) == ("same", sha256)


@pytest.mark.parametrize("name", ["\u2605 M31.fits", "a\nb\t.fits", os.fsdecode(b"\xff\xfe.fits"), "-rf.fits"])
def test_every_name_gets_through(tmp_path, client, name):
    assert client().judge(put(tmp_path, b"CLEAN", name)).outcome == "judged"


def test_being_told_to_stop_ends_the_wait_at_once(tmp_path, client):
    stopping = threading.Event()
    judge = client(keep_going=lambda: not stopping.is_set())
    judge.start()
    pid = judge.pid
    threading.Timer(0.3, stopping.set).start()
    started = time.monotonic()
    assert judge.judge(put(tmp_path, b"HANG")).outcome == "stopped"
    assert time.monotonic() - started < 5
    assert not is_running(pid)


def test_a_judge_that_cannot_start_is_no_fault_of_the_frame(tmp_path, client):
    judge = client("no_such_module:judge")
    with pytest.raises(JudgeUnavailable, match=r"does not start .*No module named 'no_such_module'"):
        judge.judge(put(tmp_path, b"CLEAN"))


@pytest.mark.fault(44)
def test_a_model_that_ends_the_process_is_done_without_until_there_is_another(tmp_path, client, monkeypatch):
    (tmp_path / "onnxruntime.py").write_text(  # as a file does that the real one cannot stand
        "import os\nclass SessionOptions:\n"
        "    def add_session_config_entry(self, *_): pass\n"
        "class InferenceSession:\n    def __init__(self, *_, **__): os.abort()\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{TESTS}:{tmp_path}")
    model = tmp_path / "m.onnx"
    model.write_bytes(b"evil")
    judge = client(DEFAULT_JUDGE, model=str(model))

    assert judge.judge(put(tmp_path, b"CLEAN")).outcome == "judged"
    assert judge.ready.model is None
    assert "loading it ends the judge (the judge process ended (SIGABRT" in judge.ready.trouble
    first = judge.pid
    assert judge.judge(put(tmp_path, b"CLEAN 2")).outcome == "judged"
    assert judge.pid == first

    model.unlink()
    assert judge.judge(put(tmp_path, b"CLEAN 3")).outcome == "judged"
    assert judge.pid != first
    assert "no such file" in judge.ready.trouble


@pytest.mark.torch
@pytest.mark.fault(44)
def test_a_small_model_that_makes_a_huge_constant_is_done_without(tmp_path, client):
    """A hundred bytes ask for 8 GB, while the file is loaded or at the first answer."""
    onnx = pytest.importorskip("onnx")
    from small_models import model, written  # noqa: PLC0415 - needs onnx

    made, helper = model(), onnx.helper
    shape = helper.make_tensor("shape", onnx.TensorProto.INT64, [1], [2 << 30])
    made.graph.initializer.append(shape)
    made.graph.node[2].input[1] = "most"  # the sum, of which everything comes
    made.graph.node.insert(0, helper.make_node("ReduceMax", ["huge"], ["most"], keepdims=0))
    made.graph.node.insert(0, helper.make_node("ConstantOfShape", ["shape"], ["huge"]))
    judge = client(DEFAULT_JUDGE, model=str(written(tmp_path / "m.onnx", made)), memory_mb=600)

    assert judge.judge(put(tmp_path, b"CLEAN")).outcome == "judged"
    assert judge.ready.model is None
    assert str(tmp_path / "m.onnx") in judge.ready.trouble


def test_what_a_library_prints_is_no_answer(tmp_path, client, monkeypatch):
    (tmp_path / "loud_judge.py").write_text(
        "import fake_judge, os\n"
        "def judge(path, **given):\n"
        "    print('hello'); os.write(1, b'{}\\n')\n"
        "    return fake_judge.judge(path, **given)\n"
    )
    monkeypatch.setenv("PYTHONPATH", f"{TESTS}:{tmp_path}")
    assert client("loud_judge:judge").judge(put(tmp_path, b"CLEAN")).outcome == "judged"


def test_it_does_not_outlive_its_parent(tmp_path):
    script = (
        "import sys; from nebulift_daemon.judge_client import *; from nebulift_daemon.judge_messages import *\n"
        "client = JudgeClient(JudgeOptions(judge='fake_judge:judge'))\n"
        "client.start(); print(client.pid, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": TESTS}
    ) as parent:
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.kill()
    wait_until(lambda: not is_running(pid), 5)


def test_it_gives_way_to_others_and_goes_first_when_memory_runs_out(client):
    judge = client()
    judge.start()
    assert os.getpriority(os.PRIO_PROCESS, judge.pid) >= 10
    assert Path(f"/proc/{judge.pid}/oom_score_adj").read_text().strip() == "800"
    environment = Path(f"/proc/{judge.pid}/environ").read_bytes()
    assert b"ORT_DISABLE_TELEMETRY=1" in environment


@pytest.mark.parametrize(("asked_mb", "machine_mb", "given_mb"), [(900, 8000, 900), (900, 475, 316), (200, 475, 200)])
def test_a_small_machine_is_not_filled_whatever_the_configuration_says(asked_mb, machine_mb, given_mb):
    assert fair_limit_mb(asked_mb, machine_mb) == given_mb


def test_ctrl_c_at_the_terminal_does_not_end_it(tmp_path, client):
    judge = client()
    judge.start()
    os.kill(judge.pid, signal.SIGINT)
    os.kill(judge.pid, signal.SIGTERM)
    assert judge.judge(put(tmp_path, b"CLEAN")).outcome == "judged"


def test_no_descriptors_are_lost_with_the_processes(tmp_path, client):
    judge = client()
    judge.judge(put(tmp_path, b"CLEAN"))
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for _ in range(5):
        judge.judge(put(tmp_path, b"CRASH"))
        judge.judge(put(tmp_path, b"CLEAN"))
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


# -- the messages -----------------------------------------------------------------------------------------------------


def test_options_survive_the_way():
    options = JudgeOptions(
        thresholds=Thresholds(0.8, 0.1),
        policy=Policy("stacking", {Kind.CLOUD: Action.IGNORE}),
        model="none",
        memory_mb=1,
    )
    assert read_first_line(first_line(options, {"g": {"x": 1}})) == (options, {"g": {"x": 1}})
    assert read_first_line(first_line(JudgeOptions(), {})) == (JudgeOptions(), {})


@given(st.binary(min_size=1, max_size=100).filter(lambda name: not {0, 47} & set(name)), st.integers(), st.integers())
def test_tasks_survive_the_way(name, inode, mtime_ns):
    task = Task(Sighting(Path("/cap") / os.fsdecode(name), 1, inode, 5, mtime_ns), ("ab", "cd"))
    line = task_line(task)
    assert "\n" not in line
    assert line.isascii()
    assert read_task(line) == task


def test_answers_survive_the_way_and_nonsense_is_refused():
    answer = Answer("judged", "ab", {"verdict": None}, "group", {"frames": 1})
    assert read_answer(answer_line(answer)) == answer
    for nonsense in ("", "{}", "[1]", "null", '{"outcome": 1, "x": 2}', json.dumps("text")):
        with pytest.raises((ValueError, TypeError)):
            read_answer(nonsense)
