"""Questions about many names at once, as a folder that grows all night asks them."""

from pathlib import Path

from nebulift_daemon.folders import AT_ONCE
from nebulift_daemon.ledger import Ledger
from nebulift_daemon.ledger.database import Database
from nebulift_daemon.sighting import Sighting

ROOT = Path("/cap")


def test_questions_about_any_number_of_names_are_few_statements(tmp_path, monkeypatch):
    """The last 128 are kept ready: if a folder that grows made a new one at each look, they would take megabytes."""
    ledger, statements, rows = Ledger.open(tmp_path), set(), Database.rows
    monkeypatch.setattr(Database, "rows", lambda self, sql, values=(): statements.add(sql) or rows(self, sql, values))
    for number in range(1, 700, 3):
        sightings = [Sighting(ROOT / f"{name}.fits", 1, name, 10, 5) for name in range(number)]
        assert ledger.frames.unknown(ROOT, sightings) == sightings
        assert ledger.frames.filed_in(ROOT, [sighting.path.name for sighting in sightings[:AT_ONCE]]) == set()
    ledger.close()
    assert len(statements) <= 6
