"""Twins of clean frames with an artefact of known truth: what they are, where they are, and where they are not."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from schoolwork import write_nights

from nebulift.errors import TrainingError
from nebulift.training.dataset import AstroImageDataset
from nebulift.training.dataset_folders import write_dataset
from nebulift.training.injection import chosen_for_twins, injected_twins
from nebulift.training.input_cache import InputCache, content_hash
from nebulift.training.labels import CvLabels, label_frames
from nebulift.training.splits import split


def twins_of(labels, cache, share=1.0, seed=3):
    return injected_twins(labels, cache, chosen_for_twins(labels, share, seed), seed=seed)


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """Three nights, their labels, and a twin of every clean frame."""
    folder = tmp_path_factory.mktemp("twins")
    paths = write_nights(folder / "nights", clean=4, bad=2)
    before = [content_hash(path) for path in paths]
    cache = InputCache(folder / "set" / "inputs")
    labels = label_frames(paths, cache=cache)
    twins = twins_of(labels, cache)
    assert [content_hash(path) for path in paths] == before  # the frames themselves stay as they are
    return folder, labels, twins, cache


def test_twins_carry_the_truth_and_their_original_s_group(school):
    _, labels, twins, _ = school
    originals = {one.path: one for one in labels.labelled}
    assert {one.label for one in twins} == {0, 1}
    assert {one.source for one in twins} == {"injected"}
    assert all(one.group == originals[one.path].group for one in twins)
    assert all(bool(one.kinds) for one in twins if one.label == 0)


def test_a_twin_looks_other_than_its_original(school):
    _, labels, twins, cache = school
    originals = {one.path: one for one in labels.labelled}
    for one in twins:
        twin, original = cache.get(one.sha256, one.path), cache.get(originals[one.path].sha256, one.path)
        if one.label == 0:
            assert np.abs(twin.planes - original.planes).max() > 0.05


def test_a_twin_is_compared_with_what_its_original_was_compared_with(school):
    _, labels, twins, _ = school
    originals = {one.path: one.session for one in labels.labelled}
    assert any(one.session.reference_frames >= 3 for one in twins)
    for one in twins:
        before = originals[one.path]
        assert (one.session.group, one.session.frames_before) == (before.group, before.frames_before)
        assert (one.session.noise_ratio is None) == (before.noise_ratio is None)
    assert any(one.session != originals[one.path] for one in twins if one.label == 0)


def test_the_same_seed_gives_the_same_twins_and_another_others(school):
    _, labels, twins, cache = school
    assert twins_of(labels, cache) == twins
    assert twins_of(replace(labels, labelled=labels.labelled[:6]), cache, seed=4) != twins


def test_no_share_no_twins(school):
    _, labels, _, cache = school
    assert twins_of(labels, cache, share=0.0) == []


def test_twins_are_in_the_data_set_and_never_in_its_folders(school, tmp_path):
    folder, labels, twins, _ = school
    everything = CvLabels((*labels.labelled, *twins), labels.review, labels.left_out)
    parts = split(everything.labelled)
    target = tmp_path / "set"
    shutil.copytree(folder / "set" / "inputs", target / "inputs")
    write_dataset(target, everything, parts)
    sides = [AstroImageDataset.from_folder(target / name) for name in ("train", "val")]
    assert sum(len(side) for side in sides) == len(labels.labelled) + len(twins)
    assert len(list(target.rglob("*.fits"))) == len(labels.labelled) + len(labels.review)
    side = next(side for side in sides if any(one.source == "injected" for one in side.about))
    index = next(index for index, one in enumerate(side.about) if one.source == "injected")
    assert side.sample(index).weight == 1.0
    shutil.rmtree(target / "inputs")
    with pytest.raises(TrainingError, match="inputs of its injected twin are gone"):
        side.sample(index)
