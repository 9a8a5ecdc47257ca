"""Severities are what their scales say, labels follow from them, and labels.csv keeps both."""

import json
from pathlib import PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nebulift.findings import Box, Kind, Line
from nebulift.simulate import severity as scales
from nebulift.simulate.labels import COLUMNS, label_row, read_labels, write_labels
from nebulift.simulate.night import plan_session
from nebulift.simulate.severity import number_for, severity, solved_for
from nebulift.simulate.truth import Artefact, Conditions, Truth, TruthLabel, artefact_as_json, label_for

SCALES = {name: scale for name, scale in vars(scales).items() if isinstance(scale, tuple)}


@pytest.mark.parametrize("name", sorted(SCALES))
def test_every_scale_rises_and_is_undone_by_its_inverse(name):
    scale = SCALES[name]
    numbers = np.geomspace(scale[0][0] * 0.5, scale[-1][0] * 2.0, 60)
    values = [severity(float(number), scale) for number in numbers]
    assert values == sorted(values)
    assert severity(0.0, scale) == scale[0][1]
    assert severity(1e12, scale) == 1.0
    for wanted in (0.3, 0.45, 0.7, 0.95):
        assert severity(number_for(wanted, scale), scale) == pytest.approx(wanted, abs=1e-9)


def test_not_a_number_is_not_severe():
    assert severity(float("nan"), scales.CLOUD_LOSS) == 0.0


@given(st.floats(0.02, 0.98))
def test_solving_finds_the_number(wanted):
    assert solved_for(wanted, lambda x: severity(x, scales.CLOUD_LOSS), 0.03, 0.85) == pytest.approx(
        number_for(wanted, scales.CLOUD_LOSS), rel=0.01
    )


@pytest.mark.parametrize(
    ("worst", "label"),
    [(0.0, TruthLabel.CLEAN), (0.29, TruthLabel.CLEAN), (0.5, TruthLabel.MARGINAL), (0.71, TruthLabel.CONTAMINATED)],
)
def test_labels_follow_from_severity(worst, label):
    assert label_for(worst) is label


def test_slight_faults_add_up():
    slight = Artefact(Kind.CLOUD, "veil", 0.25)
    truth = Truth((slight, Artefact(Kind.TRAILED, "drift", 0.25)))
    assert truth.label is TruthLabel.MARGINAL
    assert truth.kinds == {}


def test_kinds_name_the_worst_of_each_kind_worst_first():
    truth = Truth(
        (
            Artefact(Kind.STREAK, "satellite", 0.4),
            Artefact(Kind.CLOUD, "veil", 0.9),
            Artefact(Kind.STREAK, "meteor", 0.6),
        )
    )
    assert list(truth.kinds.items()) == [(Kind.CLOUD, 0.9), (Kind.STREAK, 0.6)]


def test_artefacts_become_plain_data():
    streak = Artefact(Kind.STREAK, "satellite", 0.8, {"total_snr": 123.456789}, Line(1.0, 2.0, 3.0, 4.0, 5.0))
    plain = json.loads(json.dumps(artefact_as_json(streak)))
    assert plain["line"] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert plain["evidence"]["total_snr"] == 123.46
    assert artefact_as_json(Artefact(Kind.READOUT, "block", 1.0, {}, Box(0.0, 1.0, 2.0, 3.0)))["box"] == [
        0.0,
        1.0,
        2.0,
        3.0,
    ]


def test_labels_survive_the_file(tmp_path):
    plan = plan_session(np.random.SeedSequence(3), 1, "clear")[0]
    conditions = Conditions(1000.0, 12.5, 3.2, 3.1, 1.05, 0.93, 321, 1e-5, 2)
    truth = Truth((Artefact(Kind.CLOUD, "patchy", 0.81, {"transmission": 0.6}),), conditions, plan.seed)
    row = label_row(PurePosixPath("M 31/Light/a,b.fits"), plan, truth)
    assert tuple(row) == COLUMNS
    write_labels(tmp_path / "labels.csv", [row])
    (frame,) = read_labels(tmp_path)
    assert frame.path == PurePosixPath("M 31/Light/a,b.fits")
    assert frame.label is TruthLabel.CONTAMINATED
    assert frame.kinds == {Kind.CLOUD: 0.81}
    assert frame.artefacts[0]["evidence"] == {"transmission": 0.6}
    assert frame.conditions["stars"] == 321.0
    assert frame.seed == plan.seed
