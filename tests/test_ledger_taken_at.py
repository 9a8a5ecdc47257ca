"""When a frame was taken, as the ledger knows it: from the header, else from the file, whatever either claims."""

import json
import sqlite3
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nebulift_daemon.ledger import LEDGER_NAME, Ledger, as_text, utc_now
from nebulift_daemon.ledger.clock import file_time
from nebulift_daemon.ledger.rows import taken_at_of
from nebulift_daemon.ledger.schema import MIGRATIONS

SIGNATURE = "12:4000:1700000001123456789"  # inode, size, mtime in ns


def test_the_header_s_time_counts_before_the_file_s():
    record = {"exposure": {"taken_at": "2026-01-02T23:04:05.678000+02:00"}}
    assert taken_at_of(record, SIGNATURE) == "2026-01-02T21:04:05.678Z"


@pytest.mark.parametrize("record", [{}, {"exposure": None}, {"exposure": {"taken_at": None}}])
def test_without_a_time_in_the_header_the_file_s_counts(record):
    assert taken_at_of(record, SIGNATURE) == "2023-11-14T22:13:21.123Z"


def test_a_file_may_claim_a_time_that_no_calendar_holds():
    assert file_time(2**63 - 1) == "2262-04-11T23:47:16.854Z"
    assert file_time(10**30) is None
    assert taken_at_of({}, f"12:4000:{-(10**30)}") is None


@given(st.integers(-(2**80), 2**80))
def test_no_file_time_is_an_error(mtime_ns):
    stated = file_time(mtime_ns)
    assert stated is None or stated.endswith("Z")


@given(st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis adds the zone
def test_times_sort_as_text_as_they_do_in_time(moment):
    assert (as_text(moment) < as_text(datetime(2026, 1, 1, tzinfo=UTC))) == (moment < datetime(2026, 1, 1, tzinfo=UTC))
    assert datetime.fromisoformat(as_text(moment)) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def test_a_ledger_from_before_gets_the_column_and_keeps_its_frames(tmp_path, monkeypatch):
    names = [name for name, _ in MIGRATIONS]
    older = MIGRATIONS[: names.index("m004_taken_at")]
    with monkeypatch.context() as then:
        then.setattr("nebulift_daemon.ledger.database.MIGRATIONS", older)
        Ledger.open(tmp_path).close()
    with sqlite3.connect(tmp_path / LEDGER_NAME) as plain:
        plain.execute(
            "INSERT INTO frames (root, folder, name, signature, size_bytes, state, seen_at)"
            " VALUES ('/cap', '/cap', 'a.fits', ?, 1, 'seen', ?)",
            (SIGNATURE, utc_now()),
        )
    plain.close()

    Ledger.open(tmp_path, check=True).close()

    with sqlite3.connect(tmp_path / LEDGER_NAME) as plain:
        assert plain.execute("SELECT name, taken_at FROM frames").fetchall() == [("a.fits", None)]
    plain.close()
    assert not list(tmp_path.glob("*.damaged-*"))


def test_a_ledger_from_before_keeps_its_judgements_and_they_are_read_as_ever(tmp_path, monkeypatch):
    record = {"verdict": "clean", "score": 0.9, "measurements": {"stars": {"count": 12}}}
    names = [name for name, _ in MIGRATIONS]
    with monkeypatch.context() as then:
        then.setattr("nebulift_daemon.ledger.database.MIGRATIONS", MIGRATIONS[: names.index("m006_fewer_bytes")])
        Ledger.open(tmp_path).close()
    with sqlite3.connect(tmp_path / LEDGER_NAME) as plain:
        plain.execute(
            "INSERT INTO frames (root, folder, name, signature, size_bytes, state, label, record, seen_at, judged_at)"
            " VALUES ('/cap', '/cap', 'a.fits', ?, 1, 'filed', 'clean', ?, ?, ?)",
            (SIGNATURE, zlib.compress(json.dumps(record).encode()), utc_now(), utc_now()),
        )
    plain.close()

    ledger = Ledger.open(tmp_path, check=True)
    (row,) = ledger.frames.newest(5)
    assert ledger.frames.record(row.id) == record
    assert ledger.frames.counts("2000")["clean"] == 1
    ledger.close()
