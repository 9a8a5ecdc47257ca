"""Labels of an archive in slices: what comes first, what is not done twice, what the labels cover, and their files."""

import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from schoolwork import write_night, write_nights

from nebulift.errors import WrongUsage
from nebulift.exposure import Exposure
from nebulift.parallel import Hands
from nebulift.training import labels as labels_module
from nebulift.training.curated import export_curated
from nebulift.training.frame_label import FrameLabel
from nebulift.training.input_cache import InputCache
from nebulift.training.label_coverage import as_markdown, coverage_of
from nebulift.training.label_order import RUN_FRAMES, next_round, runs_of
from nebulift.training.label_slices import label_slice
from nebulift.training.labels import label_frames
from nebulift.training.manifest import read_manifest, with_manifest, write_manifest
from nebulift.training.reviews import Review
from nebulift.training.splits import folds_of, united_groups
from nebulift.verdict import Thresholds

LIMITS = Thresholds(0.8, 0.2)


def exposed(camera, night, count):
    start = datetime(2024, 11, night, 22, tzinfo=UTC)
    return [
        (
            Path(f"{camera}-{night}-{number:02d}.fits"),
            Exposure(camera=camera, taken_at=start + timedelta(minutes=number)),
        )
        for number in range(count)
    ]


def test_unseen_cameras_come_first_then_unseen_nights_then_what_lies_nearest_the_limits():
    frames = [*exposed("A", 1, 30), *exposed("A", 2, 30), *exposed("A", 3, 30), *exposed("B", 1, 5)]
    runs = runs_of(frames)
    assert [len(run.paths) for run in runs] == [RUN_FRAMES, RUN_FRAMES, 6] * 3 + [5]
    doubts = {("A", "2024-11-01"): 0.2, ("A", "2024-11-02"): 0.05}
    order = [(run.camera, run.night[-2:], run.number) for run in next_round(runs, doubts)]
    assert order[:2] == [("B", "01", 0), ("A", "03", 0)]
    assert order[2:5] == [("A", "02", 0), ("A", "02", 1), ("A", "02", 2)]
    assert order[5] == ("A", "01", 0)


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nights")
    return write_nights(folder, clean=3, bad=2)


@pytest.fixture(scope="module")
def whole(nights):
    return label_frames(nights, limits=LIMITS)


def test_slices_together_are_the_whole_and_nothing_is_measured_twice(nights, whole, tmp_path, monkeypatch):
    cache = InputCache(tmp_path / "inputs")
    slices = [label_slice(nights, cache, LIMITS, max_frames=6) for _ in range(3)]
    assert [(one.measured, one.waiting) for one in slices] == [(6, 9), (6, 3), (3, 0)]
    assert len({frame.night for frame in slices[0].labels.labelled}) == 2  # one run is a whole night here
    assert slices[2].labels == whole
    monkeypatch.setattr(labels_module, "content_hash", None)  # whoever reads a frame now, fails
    assert label_slice(nights, cache, LIMITS).labels == whole


def test_a_frame_that_has_changed_since_is_measured_again(nights, tmp_path):
    folder = tmp_path / "night"
    paths = write_night(folder, "2024-11-09", clean=2, bad=0)
    cache = InputCache(tmp_path / "inputs")
    label_slice(paths, cache, LIMITS)
    paths[0].write_bytes(nights[-1].read_bytes())  # a spoilt frame of another night
    again = label_slice(paths, cache, LIMITS)
    assert again.measured == 1
    assert [one.label for one in again.labels.labelled if one.path == paths[0]] == [0]


def test_two_processes_make_the_same_slice_as_one(nights, tmp_path):
    one = label_slice(nights, InputCache(tmp_path / "one"), LIMITS, max_frames=3)
    two = label_slice(nights, InputCache(tmp_path / "two"), LIMITS, max_frames=3, hands=Hands(workers=2))
    assert one == two


def test_the_manifest_says_all_and_is_read_again(whole, tmp_path):
    human = [replace(whole.labelled[0], label=0, source="human", kinds={"cloud": 1.0}), *whole.labelled[1:]]
    write_manifest(tmp_path / "manifest.csv", human)
    with (tmp_path / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["label"], rows[0]["source"], rows[0]["confidence"]) == ("contaminated", "human", "1.0000")
    assert rows[0]["session"] == "2024-11-01|M 31|L|TestCam"
    assert len({row["fold"] for row in rows}) == 3  # as many as there are nights
    told = with_manifest(whole, read_manifest(tmp_path / "manifest.csv"))
    assert told.labelled[0].source == "human"
    assert told.labelled[0].kinds == {"cloud": 1.0}
    assert told.labelled[1].label == whole.labelled[1].label


def test_a_file_that_is_no_manifest_is_refused(tmp_path):
    (tmp_path / "m.csv").write_text("path,label\na.fits,clean\n")
    with pytest.raises(WrongUsage, match="no column sha256 and source"):
        read_manifest(tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("path,sha256,label,source\na.fits,12,clean,oracle\n")
    with pytest.raises(WrongUsage, match="source 'oracle' is unknown"):
        read_manifest(tmp_path / "m.csv")


def _label(night, number, label, source="cv", camera="C", kinds=(), filter_name="L"):
    named = dict.fromkeys(kinds, 0.8)
    score = {1: 0.9, 0: 0.1, None: 0.5}[label]
    path = Path(f"{night}-{number}.fits")
    return FrameLabel(
        path, f"{night}{number}{camera}", label, source, score, named, camera, night, "t", None, filter_name
    )


def test_folds_keep_groups_whole_and_spread_both_classes():
    labels = [_label(f"n{night}", number, number % 2) for night in range(10) for number in range(4 + night)]
    folds = folds_of(labels, 5)
    groups = united_groups(labels)
    assert all(
        len({fold for fold, own in zip(folds, groups, strict=True) if own == group}) == 1 for group in set(groups)
    )
    for fold in range(5):
        assert {one.label for one, own in zip(labels, folds, strict=True) if own == fold} == {0, 1}
    sizes = [folds.count(fold) for fold in range(5)]
    assert max(sizes) - min(sizes) <= 6


def test_coverage_counts_cells_warns_of_gaps_and_recommends_one_thing():
    labels = [
        *(_label("n1", number, 1) for number in range(20)),
        *(_label("n1", 50 + number, 0, kinds=["cloud"]) for number in range(12)),
        *(_label("n2", number, 1, camera="D", filter_name="Ha") for number in range(4)),
    ]
    waiting = [_label("n2", 90, None, camera="D")]
    coverage = coverage_of(labels, waiting)
    assert coverage.counts["C", "L", "n1", "cloud", "cv"]["contaminated"] == 12
    assert coverage.counts["D", "L", "n2", "-", "cv"]["review"] == 1
    text = " ".join(coverage.warnings)
    assert "only 0% of the labels come from people" in text
    assert "camera D: none of its 4 labelled frames is contaminated" in text
    assert "streak (0)" in text
    assert "cloud" not in text
    assert "decide 40 more frames, first of C (1 wait in doubt)" in coverage.recommendation
    assert "| C | L | n1 | cloud | cv | 0 | 12 | 0 |" in as_markdown(coverage)


@pytest.mark.parametrize("way", ["link", "copy", "list"])
def test_decided_frames_become_a_data_set_of_their_own(nights, tmp_path, way):
    torn = tmp_path / "torn.fits"
    torn.write_bytes(b"SIMPLE  =                    T")
    reviews = [Review(nights[0], 1), Review(nights[4], 0, "readout"), Review(torn, 1), Review(nights[0], 1)]
    made = export_curated([*reviews, Review(nights[1], 1), Review(nights[1], 0)], tmp_path / "set", way)
    assert [one.label for one in made.frames] == [1, 0]
    assert {one.path for one in made.left_out} == {torn, nights[1]}
    rows = read_manifest(tmp_path / "set" / "manifest.csv")
    assert [row.path.read_bytes() for row in rows] == [nights[0].read_bytes(), nights[4].read_bytes()]
    assert [row.source for row in rows] == ["human", "human"]
    inside = [row.path.is_relative_to(tmp_path / "set") for row in rows]
    assert inside == [way != "list"] * 2
    again = export_curated(reviews, tmp_path / "set", way)
    assert [one.label for one in again.frames] == [1, 0]
