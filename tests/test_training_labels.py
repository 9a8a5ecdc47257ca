"""Labels from the computer-vision filter, the data set made of them, and what never becomes a sample."""

import json
import logging
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from framefiles import write_fits
from hypothesis import given, settings
from hypothesis import strategies as st
from schoolwork import frame_pixels, light_cards, write_night, write_nights

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.errors import TrainingError, UnreadableFrame, WrongUsage
from nebulift.ml_model import AstroImageDataset, create_dataset_from_cv_labels, generate_training_labels_from_cv
from nebulift.preprocess import FEATURES
from nebulift.training import labels as labels_module
from nebulift.training.frame_label import FrameLabel
from nebulift.training.input_cache import InputCache, content_hash
from nebulift.training.labels import label_frames
from nebulift.training.reviews import read_reviews, with_reviews
from nebulift.training.splits import split, united_groups
from nebulift.training.truth_files import read_truth


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """Three nights of four clean and three spoilt frames each."""
    folder = tmp_path_factory.mktemp("nights")
    return folder, write_nights(folder)


@pytest.fixture(scope="module")
def made(nights, tmp_path_factory):
    """The data set of the three nights; only looked at."""
    folder = tmp_path_factory.mktemp("made")
    return folder, create_dataset_from_cv_labels(nights[1], output_dir=folder, train_split=0.67)


def test_clean_frames_are_1_spoilt_ones_0_and_the_rest_is_for_a_person(nights):
    _, paths = nights
    labeled_files, labels, review_files = generate_training_labels_from_cv(
        paths, ArtifactDetector(), clean_threshold=0.8, contaminated_threshold=0.2
    )
    assert sorted(labeled_files + review_files) == sorted(paths)
    assert len(labels) == len(labeled_files)
    by_file = dict(zip(labeled_files, labels, strict=True))
    assert {by_file[path] for path in labeled_files if int(path.stem[-3:]) < 4} == {1}
    assert {by_file[path] for path in labeled_files if int(path.stem[-3:]) >= 4} == {0}


def test_what_cannot_be_judged_is_in_no_list_and_named_with_its_reason(tmp_path, caplog):
    good = write_night(tmp_path, "2024-11-01", clean=2, bad=0)
    torn = tmp_path / "torn.fits"
    torn.write_bytes(good[0].read_bytes()[:20000])
    dark = write_fits(tmp_path / "dark.fits", frame_pixels(1), light_cards("2024-11-01", 8, kind="Dark Frame"))
    flat_sheet = write_fits(
        tmp_path / "one_value.fits", np.full((200, 300), 900, np.uint16), light_cards("2024-11-01", 9)
    )
    os.mkfifo(tmp_path / "pipe.fits")
    files = [*good, torn, dark, flat_sheet, tmp_path / "gone.fits", tmp_path / "pipe.fits"]

    with caplog.at_level(logging.WARNING):
        labeled_files, labels, review_files = generate_training_labels_from_cv(files)

    assert labeled_files == good
    assert labels == [1, 1]
    assert review_files == []
    for name in ("torn.fits", "dark.fits", "one_value.fits", "gone.fits", "pipe.fits"):
        assert sum(name in message for message in caplog.messages) == 1
    assert [one.path for one in label_frames(files).left_out] == files[2:]


def test_a_detector_of_ones_own_is_asked(nights):
    class Blind(ArtifactDetector):
        def analyse(self, frame):
            raise UnreadableFrame(frame.path, "my own eyes are shut")

    _, paths = nights
    found = label_frames(paths[:1], detector=Blind())
    assert "my own eyes are shut" in found.left_out[0].reason


def test_limits_that_contradict_each_other_are_refused():
    with pytest.raises(WrongUsage, match="thresholds must satisfy"):
        generate_training_labels_from_cv([], None, 0.2, 0.8)


def test_two_processes_label_as_one_does(nights):
    _, paths = nights
    assert label_frames(paths[:6], workers=2) == label_frames(paths[:6])


def test_a_frame_is_measured_once_ever(nights, tmp_path, monkeypatch):
    _, paths = nights
    cache = InputCache(tmp_path / "inputs")
    first = label_frames(paths[:5], cache=cache)
    monkeypatch.setattr(labels_module, "open_frame", None)  # whoever opens a frame now, fails
    assert label_frames(paths[:5], cache=cache) == first


def test_a_damaged_cache_entry_is_made_anew(nights, tmp_path):
    _, paths = nights
    cache = InputCache(tmp_path / "inputs")
    first = label_frames(paths[:1], cache=cache)
    entry = cache.path_of(content_hash(paths[0]))
    entry.write_bytes(entry.read_bytes()[:1000])
    assert label_frames(paths[:1], cache=cache) == first
    assert cache.get(content_hash(paths[0]), paths[0]) is not None


def test_labelling_stops_when_it_is_told_to(nights):
    _, paths = nights
    found = label_frames(paths, enough=lambda done: done == 3)
    assert [one.path for one in found.labelled] == paths[:3]


def test_the_data_set_links_frames_and_leaves_them_where_they_are(nights, made):
    _, paths = nights
    folder, sets = made
    assert all(path.is_file() and not path.is_symlink() for path in paths)
    assert len(sets.train) + len(sets.validation) + len(sets.review_files) == len(paths)
    linked = [file for side in ("train", "val") for file in (folder / side).rglob("*.fits")]
    assert len(linked) == len(sets.train) + len(sets.validation)
    assert {file.stat().st_ino for file in linked} <= {path.stat().st_ino for path in paths}


def test_metadata_says_where_each_label_comes_from(nights, made):
    _, paths = nights
    frames = json.loads((made[0] / "train" / "metadata.json").read_text())["frames"]
    spoilt = next(frame for frame in frames if frame["label"] == 0)
    assert spoilt["sha256"] == content_hash(next(path for path in paths if str(path) == spoilt["path"]))
    assert spoilt["source"] == "cv"
    assert spoilt["score"] <= 0.2
    assert spoilt["kinds"]["readout"] > 0.9
    assert (spoilt["camera"], spoilt["target"], spoilt["night"][:8]) == ("TestCam", "M 31", "2024-11-")


def test_no_night_is_on_both_sides(made):
    train, validation = ({one.group for one in side.about} for side in (made[1].train, made[1].validation))
    assert train
    assert validation
    assert not train & validation


def test_features_hold_the_session(made):
    sets = made[1]
    has_session = FEATURES.index("has_session")
    with_session = [sets.train.sample(index).features[has_session] for index in range(len(sets.train))]
    assert set(with_session) == {0.0, 1.0}  # the first frames of a night have none


def test_a_copy_of_a_frame_never_crosses_the_split(tmp_path):
    """Without a time in its header a copy in another folder would be a night of its own."""
    cards = {key: value for key, value in light_cards("2024-11-01", 0).items() if key != "DATE-OBS"}
    copies = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        copies.append(write_fits(tmp_path / name / "frame.fits", frame_pixels(77), cards))
    labels = label_frames(copies).labelled
    assert len({one.group for one in labels}) == 2
    assert len(set(united_groups(labels))) == 1


def test_making_the_data_set_again_moves_links_and_deletes_nothing(nights, made, tmp_path):
    _, paths = nights
    folder = tmp_path / "set"
    shutil.copytree(made[0] / "inputs", folder / "inputs")
    create_dataset_from_cv_labels(paths, output_dir=folder, random_seed=1)
    names = {file.name for file in folder.rglob("*.fits")}
    create_dataset_from_cv_labels(paths[:14], output_dir=folder, random_seed=5)
    assert {file.name for file in folder.rglob("*.fits")} == names
    assert len(list((folder / "unused").glob("*.fits"))) == 7


def test_frames_are_copied_where_the_file_system_has_no_links(nights, made, tmp_path, monkeypatch):
    _, paths = nights
    shutil.copytree(made[0] / "inputs", tmp_path / "set" / "inputs")

    def no_links(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(os, "symlink", no_links)
    create_dataset_from_cv_labels(paths, output_dir=tmp_path / "set")
    copies = list((tmp_path / "set" / "train").rglob("*.fits"))
    assert {content_hash(file) for file in copies} <= {content_hash(path) for path in paths}
    assert copies


def test_an_item_is_planes_and_label(nights):
    _, paths = nights
    dataset = AstroImageDataset([paths[0], paths[-1]], [1, 0])
    planes, label = dataset[1]
    assert len(dataset) == 2
    assert planes.shape == (8, 128, 128)
    assert planes.dtype == np.float32
    assert np.isfinite(planes).all()
    assert label == 0


def test_a_frame_that_cannot_be_read_is_an_error_and_no_sample(tmp_path):
    torn = tmp_path / "torn.fits"
    torn.write_bytes(b"SIMPLE  =                    T")
    with pytest.raises(UnreadableFrame, match=r"torn\.fits"):
        AstroImageDataset([torn], [0])[0]


@pytest.mark.parametrize(
    ("clean", "bad", "complaint"),
    [(6, 0, "labelled frames are too few"), (12, 0, "0 of 12 labelled frames are contaminated")],
)
def test_what_cannot_be_trained_on_is_said_in_one_sentence(tmp_path, clean, bad, complaint):
    paths = write_night(tmp_path / "nights", "2024-11-01", clean, bad)
    with pytest.raises(TrainingError, match=complaint) as caught:
        create_dataset_from_cv_labels(paths, output_dir=tmp_path / "set")
    assert "\n" not in str(caught.value)


def test_one_night_is_cut_in_two_and_the_warning_says_what_that_means(tmp_path):
    paths = write_night(tmp_path / "nights", "2024-11-01", 8, 4)
    made = create_dataset_from_cv_labels(paths, output_dir=tmp_path / "set")
    assert set(made.train.labels) == set(made.validation.labels) == {0, 1}
    assert "add another night" in " ".join(split(made.train.about + made.validation.about).warnings)


def test_a_class_of_one_night_alone_is_cut_in_two_as_well():
    parts = split(_labels([[1] * 8, [1] * 8, [0] * 6]))
    assert "one of the classes lies in a single night" in " ".join(parts.warnings)


def test_copies_and_twins_stay_on_one_side_even_of_a_cut_night():
    originals = _labels([[1, 1, 1, 1, 1, 0, 0, 0]])
    copies = [replace(one, path=f"copy of {one.path}") for one in originals]
    twins = [replace(one, sha256=f"twin of {one.sha256}", label=0, source="injected") for one in originals[:5]]
    everything = [*originals, *copies, *twins]
    parts = split(everything, validation_share=0.4)
    for side in (parts.train, parts.validation):
        numbers = {index % 8 if index < 16 else index - 16 for index in side}
        assert {index for index in side if index < 8} == numbers


def test_copies_of_one_frame_are_no_class():
    with pytest.raises(TrainingError, match="copies of one file"):
        split([replace(one, sha256="same" if one.label == 0 else one.sha256) for one in _labels([[1] * 8 + [0] * 4])])


def _labels(groups):
    return [
        FrameLabel(f"{group}-{number}", f"{group}{number}", label, "cv", 0.5, {}, "c", f"n{group}", "t")
        for group, members in enumerate(groups)
        for number, label in enumerate(members)
    ]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from([0, 1]), min_size=3, max_size=12), min_size=3, max_size=8), st.integers(0, 99))
def test_every_split_keeps_groups_whole_and_both_classes_on_both_sides(groups, seed):
    labels = _labels(groups)
    try:
        parts = split(labels, seed=seed)
    except TrainingError:
        return
    if any("flatter" in warning for warning in parts.warnings):
        return
    sides = [{labels[index].group for index in side} for side in (parts.train, parts.validation)]
    assert not sides[0] & sides[1]
    assert sorted((*parts.train, *parts.validation)) == list(range(len(labels)))
    for side in (parts.train, parts.validation):
        assert {labels[index].label for index in side} == {0, 1}


def test_people_overrule_the_filter(nights, tmp_path):
    _, paths = nights
    (tmp_path / "reviews.csv").write_text(f"path,label,kind\n{paths[0]},contaminated,cloud\n{paths[6]},accept,\n")
    labels = with_reviews(label_frames(paths[:7]), read_reviews(tmp_path / "reviews.csv"))
    decided = {one.path: one for one in labels.labelled}
    assert (decided[paths[0]].label, decided[paths[0]].source, dict(decided[paths[0]].kinds)) == (
        0,
        "human",
        {"cloud": 1.0},
    )
    assert (decided[paths[6]].label, decided[paths[6]].weight) == (1, 1.0)
    assert decided[paths[1]].source == "cv"


def test_a_reviews_file_without_its_columns_is_refused(tmp_path):
    (tmp_path / "reviews.csv").write_text("file,verdict\na,b\n")
    with pytest.raises(WrongUsage, match="path and label"):
        read_reviews(tmp_path / "reviews.csv")


def test_truth_files_of_people_and_of_the_simulator_are_understood(tmp_path):
    (tmp_path / "labels.csv").write_text(
        "path,label,kinds\na.fits,clean,\nb.fits,0,streak;cloud:0.4;tumbler\nc.fits,marginal,cloud\nd.fits,review,\n"
    )
    rows = read_truth(tmp_path)
    assert [(row.path.name, row.label, dict(row.kinds)) for row in rows] == [
        ("a.fits", "clean", {}),
        ("b.fits", "contaminated", {"streak": 1.0, "cloud": 0.4}),
        ("c.fits", "marginal", {"cloud": 1.0}),
    ]


@pytest.mark.parametrize(
    ("content", "complaint"), [("path\na\n", "no column label"), ("path,label\na,maybe\n", "no row is labelled")]
)
def test_a_truth_file_that_says_nothing_is_refused(tmp_path, content, complaint):
    (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(WrongUsage, match=complaint):
        read_truth(tmp_path)
