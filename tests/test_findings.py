"""Findings are facts: they do not change, and they travel between processes."""

import dataclasses
import pickle

import pytest

from nebulift.findings import Box, Cells, Ellipse, Finding, Kind, Line

PLACES = [None, Line(0.0, 0.0, 9.0, 9.0, 2.0), Box(0.0, 0.0, 5.0, 5.0), Cells(2, 2, ((0, 1),)), Ellipse(4.0, 2.0, 30.0)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("evidence", [{}, {"snr": 12.0}])
def test_a_finding_arrives_in_another_process_as_it_was(place, evidence):
    sent = Finding(Kind.CLOUD, 0.4, "stars are missing", evidence, place)
    assert pickle.loads(pickle.dumps(sent)) == sent
    assert pickle.loads(pickle.dumps(Finding(Kind.EMPTY, 1.0, "no star"))).evidence == {}


def test_a_finding_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Finding(Kind.CLOUD, 0.4, "stars are missing").severity = 0.0


def test_kinds_are_the_words_that_people_and_programs_read():
    assert [str(kind) for kind in Kind] == [
        *("streak", "cloud", "trailed", "defocus", "saturation", "gradient"),
        *("obstruction", "readout", "empty", "off_target", "unreadable"),
    ]
