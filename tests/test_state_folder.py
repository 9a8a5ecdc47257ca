"""``status.json``: one write for a frame at most, none on the card under systemd, and never silence about a crash."""

import json

import pytest

from nebulift_daemon.state_folder import PASSING_S, SELDOM_S, StatusFile, folder_in_memory, read_status


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def memory(tmp_path):
    """(state folder, folder in memory)."""
    for name in ("state", "run"):
        (tmp_path / name).mkdir()
    return tmp_path / "state", tmp_path / "run"


def test_news_are_written_and_the_same_again_is_not(tmp_path, clock):
    status = StatusFile(tmp_path, clock)
    assert status.write({"queue": 1, "disk_free_bytes": 5})
    assert not status.is_due()
    clock.now += SELDOM_S
    assert status.is_due()
    assert not status.write({"queue": 1, "disk_free_bytes": 4})
    assert read_status(tmp_path) == {"queue": 1, "disk_free_bytes": 5}


def test_that_a_frame_is_on_its_way_is_news_only_when_it_stays_so(tmp_path, clock):
    status = StatusFile(tmp_path, clock)
    status.write({"settling": 0, "last": None})
    clock.now += 5
    assert not status.write({"settling": 1, "last": None})
    assert status.write({"settling": 0, "last": "a.fits"})
    clock.now += 5
    assert not status.write({"settling": 1, "last": "a.fits"})
    clock.now += PASSING_S
    assert status.write({"settling": 1, "last": "a.fits"})
    assert not status.write({"settling": 0, "last": "a.fits"})
    assert status.write({"settling": 0, "last": "a.fits", "stopped_at": "now"}, last_words=True)


def test_under_systemd_it_lies_in_memory_until_the_last_words(memory, clock):
    state, run = memory
    status = StatusFile(state, clock, in_memory=run)
    for number in range(3):
        assert status.write({"last": number})
        assert read_status(state) == {"last": number}
    assert [path.name for path in run.iterdir()] == ["status.json"]
    assert (state / "status.json").readlink() == run / "status.json"
    assert status.write({"last": 3, "stopped_at": "now"}, last_words=True)
    (run / "status.json").unlink()
    assert read_status(state) == {"last": 3, "stopped_at": "now"}
    assert not (state / "status.json").is_symlink()
    assert sorted(path.name for path in state.iterdir()) == ["status.json"]


def test_after_a_power_cut_its_absence_tells_that_there_were_no_last_words(memory, clock):
    state, run = memory
    StatusFile(state, clock, in_memory=run).write({"last": 1})
    (run / "status.json").unlink()
    assert read_status(state) == {}
    assert read_status(run) is None  # nothing was ever there


def test_a_new_start_takes_the_link_over(memory, clock, tmp_path):
    state, run = memory
    (state / "status.json").write_text(json.dumps({"stopped_at": "then"}))
    StatusFile(state, clock, in_memory=run).write({"last": 1})
    (tmp_path / "run2").mkdir()
    StatusFile(state, clock, in_memory=tmp_path / "run2").write({"last": 2})
    assert read_status(state) == {"last": 2}


@pytest.mark.parametrize(("given", "folder"), [(None, None), ("", None), ("/run/a", "/run/a"), ("/run/a:/b", "/run/a")])
def test_systemd_names_the_folder(monkeypatch, given, folder):
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    if given is not None:
        monkeypatch.setenv("RUNTIME_DIRECTORY", given)
    assert (None if folder is None else str(folder)) == (str(found) if (found := folder_in_memory()) else None)
