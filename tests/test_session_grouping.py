"""Which frames are compared with each other: by what the header says, and by the kind of their numbers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.exposure import Exposure
from nebulift.frame import frame_from_array
from nebulift.measurements import Sky
from nebulift.pipeline import as_measured, conclude
from nebulift.session import group_key, is_over
from nebulift.simulate import star_field

BEGIN = datetime(2026, 3, 1, 21, 0, tzinfo=UTC)
RAW = Sky(1000.0, 30.0, 2.0, 45.0, 0.1, 3.0, is_all_sky=False, level_fraction=0.02)
ONE = Exposure(target="M 31", filter_name="L", exposure_s=300.0, gain=100)


class TestGrouping:
    def test_frames_of_one_target_filter_and_exposure_belong_together(self):
        one = Exposure(target="M 31", filter_name="L", exposure_s=300.0, gain=100)
        assert group_key(one, (10, 20), RAW) == group_key(replace(one, pier_side="west"), (10, 20), RAW)

    @pytest.mark.parametrize(
        "change",
        [{"target": "M 33"}, {"filter_name": "Ha"}, {"exposure_s": 60.0}, {"gain": 0}, {"binning": (2, 2)},
         {"camera": "another"}],
    )  # fmt: skip
    def test_frames_that_differ_in_anything_that_matters_do_not(self, change):
        one = Exposure(target="M 31", filter_name="L", exposure_s=300.0, gain=100)
        assert group_key(one, (10, 20), RAW) != group_key(replace(one, **change), (10, 20), RAW)

    def test_every_fact_may_be_missing(self):
        assert group_key(Exposure(), (10, 20), RAW) != group_key(Exposure(), (20, 10), RAW)

    def test_an_hour_of_silence_ends_a_session(self):
        assert not is_over(BEGIN.isoformat(), BEGIN + timedelta(minutes=59))
        assert is_over(BEGIN.isoformat(), BEGIN + timedelta(minutes=61))
        assert not is_over(None, BEGIN)
        assert not is_over(BEGIN.isoformat(), None)


class TestNumbers:
    """Calibrated frames beside the raw ones of the same target are groups of their own."""

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            (RAW, replace(RAW, level_fraction=None)),
            (RAW, replace(RAW, level_fraction=None, level_adu=0.02, noise_adu=0.0005)),
            (replace(RAW, level_fraction=None), replace(RAW, level_fraction=None, level_adu=0.02, noise_adu=0.0005)),
        ],
    )
    def test_other_numbers_are_another_group(self, one, other):
        assert group_key(ONE, (10, 20), one) != group_key(ONE, (10, 20), other)

    def test_a_brighter_sky_is_the_same_group(self):
        floats = replace(RAW, level_fraction=None)
        for dark in (RAW, floats, replace(floats, noise_adu=0.0005)):
            bright = replace(dark, level_adu=dark.level_adu * 9.0, noise_adu=dark.noise_adu * 3.0)
            assert group_key(ONE, (10, 20), dark) == group_key(ONE, (10, 20), bright)

    def test_the_groups_of_a_cameras_own_numbers_keep_the_names_that_ledgers_know_them_by(self):
        assert group_key(ONE, (10, 20), RAW) == "M 31/L/300.0 6a62904dcd44"

    def test_neither_spoils_the_light_of_the_other(self):
        raw = star_field(500, 700, density_per_mpx=400.0, seed=11).pixels
        kinds = (
            raw,
            raw.astype(np.float32) - 100.0,
            (raw / 65535.0).astype(np.float32),
            np.minimum(raw // 16, 255).astype(np.uint8),
        )
        sessions = {}
        for number in range(3 * len(kinds)):
            at = replace(ONE, taken_at=BEGIN + timedelta(minutes=5 * number))
            frame = frame_from_array(kinds[number % len(kinds)], at)
            judged = conclude(as_measured(frame, ArtifactDetector().analyse(frame)), sessions=sessions)
            if number >= len(kinds):
                assert judged.session.transparency == pytest.approx(1.0, abs=0.02)
        assert len(sessions) == len(kinds)
