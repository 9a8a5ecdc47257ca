"""The benchmark measures what it says, on real frames, in processes of its own; the peer beside it."""

import json

import numpy as np
import pytest
from command_line import nebulift  # noqa: F401 - a fixture

from nebulift import benchmark
from nebulift.benchmark import peak_resident_mb, resident_mb
from nebulift.errors import NebuliftError
from nebulift.hostile_frames import FINE, REFUSED, answers, hostile_frames
from nebulift.readers import open_frame

STAGES = ["read and bin", "saturation", "sky", "sensor", "stars", "streaks", "findings"]


@pytest.fixture
def small(monkeypatch):
    """A size that takes no time."""
    monkeypatch.setitem(benchmark.SIZES_PX, 2, (800, 600))


def test_a_frame_of_the_size_is_judged_stage_by_stage_with_sep_beside_it(small, tmp_path):
    (cost,) = benchmark.benchmark([2], tmp_path, model=None, peers=True)
    assert list(cost.stages_ms) == STAGES
    assert cost.total_ms > 0.0
    assert cost.peer_ms > 0.0
    assert 0.0 < cost.loaded_mb <= cost.peak_mb <= cost.peer_peak_mb
    assert 0.0 < cost.floor_ms < cost.total_ms
    assert 0.0 < cost.search_ms < cost.total_ms
    assert 0.0 < cost.latency_ms <= cost.latency_p95_ms
    assert cost.network_ms == {}
    with open_frame(tmp_path / "benchmark_2mp.fits") as frame:
        assert frame.shape == (600, 800)


def test_without_peers_nothing_of_them_is_reported(small, tmp_path):
    (cost,) = benchmark.benchmark([2], tmp_path, model=None, peers=False)
    assert (cost.peer_ms, cost.peer_peak_mb) == (None, None)


def test_a_child_that_fails_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "benchmark_2mp.fits").write_bytes(b"not a frame")
    with pytest.raises(NebuliftError, match="benchmark of 2 megapixels failed"):
        benchmark.benchmark([2], tmp_path, model=None, peers=False)


def test_memory_is_told_in_megabytes_of_this_process():
    assert 10.0 < resident_mb() <= peak_resident_mb() + 1.0 < 100_000.0


def test_the_command_prints_a_table_or_json(small, nebulift):  # noqa: F811
    table = nebulift("benchmark", "--sizes", "2", "--model", "", "--rounds", "1")
    assert table.status == 0
    assert all(stage in table.out for stage in [*STAGES, "total / floor", "latency, 95 %"])
    frames = len(hostile_frames())
    assert f"finite numbers, or refused: {frames} of {frames}\n" in table.out
    (cost,) = json.loads(nebulift("benchmark", "--sizes", "2", "--rounds", "1", "--json").out)
    assert cost["megapixels"] == 2
    assert cost["network_ms"]["fp32"] > 0.0


def test_a_frame_that_breaks_an_eye_is_reported(monkeypatch):
    monkeypatch.setattr("nebulift.hostile_frames.hostile_frames", lambda: {"none": np.zeros((0, 4), np.uint16)})
    (answer,) = answers(None).values()
    assert answer not in (FINE, REFUSED)


@pytest.mark.parametrize("sizes", ["3", "", "2;16", "two"])
def test_unknown_sizes_are_refused_plainly(nebulift, sizes):  # noqa: F811
    called = nebulift("benchmark", "--sizes", sizes)
    assert called.status == 2
    assert "2, 16, 26, 61" in called.err
