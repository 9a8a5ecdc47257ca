"""Artefacts with known truth in one's own clean frames: what the filter does not see can be taught only this way.

A twin of a clean frame gets one simulated artefact and is measured again. It keeps night, target and camera of its
original, so both stay on one side of a split. Twins exist in the cache of inputs only, never as files.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.errors import NebuliftError
from nebulift.findings import Kind
from nebulift.frame import frame_from_array
from nebulift.parallel import Hands, in_order
from nebulift.pipeline import Measured, conclude
from nebulift.preprocess import planes_of
from nebulift.readers import open_frame
from nebulift.session import GroupState, glimpse_of
from nebulift.simulate.causes import Cause, Dew, Overexposure, Setting, random_cause
from nebulift.simulate.inject import inject
from nebulift.simulate.scenarios import KIND_WEIGHTS
from nebulift.simulate.truth import Truth, TruthLabel
from nebulift.training.frame_label import CLEAN, CONTAMINATED, FrameLabel
from nebulift.training.input_cache import InputCache
from nebulift.training.labels import CvLabels

INJECTION_VERSION = 2  # raised when the same seed gives other twins
SEVERITIES = (0.05, 1.0)
KINDS = tuple(kind for kind in KIND_WEIGHTS if kind not in {Kind.EMPTY, Kind.OFF_TARGET})  # those need a new exposure
DEFAULT_FWHM_PX = 3.0  # of frames without a measurable star


def chosen_for_twins(labels: CvLabels, share: float, seed: int) -> list[FrameLabel]:
    """``share`` of the clean frames, chosen by ``seed``."""
    return [one for one in labels.labelled if one.label == CLEAN and _rng(one, seed).random() < share]


def injected_twins(
    labels: CvLabels,
    cache: InputCache,
    chosen: Sequence[FrameLabel],
    *,
    seed: int,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> list[FrameLabel]:
    """Labels of the twins of the ``chosen`` frames; their inputs are in ``cache``.

    Twins that are neither clean nor contaminated beyond doubt are left out, and so are those of frames that can no
    longer be read.
    """
    groups = [labels.groups_before.get(one.path) for one in chosen]
    twins: list[FrameLabel] = []
    make = partial(_twin_of, cache=cache, seed=seed)
    pairs = zip(chosen, groups, strict=True)
    for done, twin in enumerate(in_order(make, pairs, Hands(workers)), start=1):
        if twin is not None:
            twins.append(twin)
        if progress is not None:
            progress(done)
    return twins


def _twin_of(pair: tuple[FrameLabel, GroupState | None], cache: InputCache, seed: int) -> FrameLabel | None:
    return make_twin(*pair, cache, seed)


def make_twin(original: FrameLabel, group: GroupState | None, cache: InputCache, seed: int) -> FrameLabel | None:
    """The label of one twin, measured and in ``cache``; ``None`` when it is no use.

    ``group``: what the original was compared with; the twin is compared with the same.
    """
    before = cache.get(original.sha256, original.path)
    if before is None:
        return None
    try:
        measured, truth = _spoilt(before, original, seed)
    except NebuliftError:
        return None  # the frame was there when it was labelled: gone or cut since
    if truth.label is TruthLabel.MARGINAL:
        return None
    key = hashlib.sha256(f"{original.sha256} {seed} {INJECTION_VERSION}".encode()).hexdigest()
    cache.put(key, measured)
    judgement = conclude(measured, sessions={} if group is None else {group.group: group})
    assert judgement.verdict is not None
    assert judgement.verdict.cv_score is not None
    return replace(
        original,
        sha256=key,
        label=CLEAN if truth.label is TruthLabel.CLEAN else CONTAMINATED,
        source="injected",
        score=judgement.verdict.cv_score,
        kinds={kind.value: severity for kind, severity in truth.kinds.items()},
        session=judgement.session,
    )


def _spoilt(before: Measured, original: FrameLabel, seed: int) -> tuple[Measured, Truth]:
    """The twin of a frame, measured, and the truth about what was added."""
    rng = _rng(original, seed + 1)
    exposure, stars = before.exposure, before.measurements.stars
    fwhm_px = stars.fwhm_px or DEFAULT_FWHM_PX
    height, width = before.shape
    cause = _random_cause(rng, Setting((width, height), fwhm_px, exposure.exposure_s or 60.0))
    with open_frame(original.path) as frame:
        pixels, truth = inject(
            frame.array(),
            [cause],
            int(rng.integers(2**31)),
            fwhm_px=fwhm_px,
            bayer=exposure.bayer is not None,
            exposure_s=exposure.exposure_s or 60.0,
        )
    analysis = ArtifactDetector().analyse(frame_from_array(pixels, exposure, original.path))
    spoilt = replace(
        before,
        measurements=analysis.measurements,
        findings=analysis.findings,
        glimpse=glimpse_of(analysis.views, analysis.measurements),
        planes=planes_of(analysis.views),
    )
    return spoilt, truth


def _random_cause(rng: np.random.Generator, setting: Setting) -> Cause:
    """One that can be put into a frame that is already taken."""
    weights = np.array([KIND_WEIGHTS[kind] for kind in KINDS])
    while True:
        kind = KINDS[int(rng.choice(len(KINDS), p=weights / weights.sum()))]
        cause = random_cause(kind, rng, float(rng.uniform(*SEVERITIES)), setting)
        if not isinstance(cause, Dew) and not (isinstance(cause, Overexposure) and cause.form == "sky"):
            return cause


def _rng(original: FrameLabel, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, int(original.sha256[:15], 16)])
