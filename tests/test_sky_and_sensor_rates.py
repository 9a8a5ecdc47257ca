"""A small slice of ``benchmarks/sky_and_sensor.py``: faults at full severity are told, clean frames are left alone."""

import pytest

from benchmarks import sky_and_sensor as rates

SEED = 40_000  # not the seeds of the benchmark
FRAMES = 3
TOLD = ("rows in bands", "half read", "lost block", "dead quadrant", "rows sent twice")


def at_full_severity(name):
    """Worst severity by the fault's own kind, of each of some frames."""
    kind, make, steps = rates.FAULTS[name]
    return [rates.severities(*make(SEED + number, steps[-1])).get(kind, 0.0) for number in range(FRAMES)]


@pytest.mark.parametrize("name", TOLD)
def test_a_fault_at_full_severity_is_plainly_told(name):
    assert min(at_full_severity(name)) >= 0.7


def test_columns_twice_as_high_as_the_noise_are_plainly_told():
    assert min(at_full_severity("column scatter (sigma)")) >= 0.7


def test_ten_hot_columns_are_harmless():
    assert max(at_full_severity("ten hot columns (harmless)")) < 0.3


def test_no_clean_frame_is_plainly_blamed():
    rows = rates.false_alarms(10, SEED)["all"]
    assert len(rows) >= 8
    assert max(found.get(kind, 0.0) for _, found in rows for kind in rates.WATCHED) < 0.7


def test_intervals_hold_the_share_itself():
    assert rates.interval(0, 20) == "0.00 (0.00-0.17)"
    assert rates.interval(20, 20) == "1.00 (0.83-1.00)"
    assert rates.interval(10, 20) == "0.50 (0.27-0.73)"


@pytest.mark.parametrize("name", ["cover or dark as a light", "flat as a light"])
def test_a_calibration_frame_passed_off_as_a_light_is_told(name):
    assert min(at_full_severity(name)) >= 0.3
