"""Artefacts with known truth in one's own clean frames: what the filter does not see can be taught only this way.

A twin of a clean frame gets one simulated artefact and is measured again. It keeps night, target and camera of its
original, so both stay on one side of a split. Twins exist in the cache of inputs only, never as files.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.errors import NebuliftError
from nebulift.findings import Kind
from nebulift.frame import frame_from_array
from nebulift.judgement import SessionContext
from nebulift.measurements import Measurements
from nebulift.pipeline import Measured, merged
from nebulift.preprocess import planes_of
from nebulift.readers import open_frame
from nebulift.session import session_findings
from nebulift.simulate.causes import Cause, Dew, Overexposure, Setting, random_cause
from nebulift.simulate.inject import inject
from nebulift.simulate.scenarios import KIND_WEIGHTS
from nebulift.simulate.truth import Truth, TruthLabel
from nebulift.training.frame_label import CLEAN, CONTAMINATED, FrameLabel
from nebulift.training.input_cache import InputCache
from nebulift.training.labels import one_thread
from nebulift.verdict import cv_score

INJECTION_VERSION = 1  # raised when the same seed gives other twins
SEVERITIES = (0.05, 1.0)
KINDS = tuple(kind for kind in KIND_WEIGHTS if kind not in {Kind.EMPTY, Kind.OFF_TARGET})  # those need a new exposure
DEFAULT_FWHM_PX = 3.0  # of frames without a measurable star


def injected_twins(
    labels: Sequence[FrameLabel],
    cache: InputCache,
    *,
    share: float,
    seed: int,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> list[FrameLabel]:
    """Labels of the twins of ``share`` of the clean frames, chosen by ``seed``; their inputs are in ``cache``.

    Twins that are neither clean nor contaminated beyond doubt are left out, and so are those of frames that can no
    longer be read.
    """
    chosen = [one for one in labels if one.label == CLEAN and _rng(one, seed).random() < share]
    twins: list[FrameLabel] = []
    for done, twin in enumerate(_each(chosen, cache, seed, workers), start=1):
        if twin is not None:
            twins.append(twin)
        if progress is not None:
            progress(done)
    return twins


def _each(chosen: Sequence[FrameLabel], cache: InputCache, seed: int, workers: int) -> Iterator[FrameLabel | None]:
    make = partial(make_twin, cache=cache, seed=seed)
    if workers == 1:
        yield from map(make, chosen)
        return
    with ProcessPoolExecutor(workers or None, mp_context=get_context("spawn"), initializer=one_thread) as pool:
        yield from pool.map(make, chosen, chunksize=1)


def make_twin(original: FrameLabel, cache: InputCache, seed: int) -> FrameLabel | None:
    """The label of one twin, measured and in ``cache``; ``None`` when it is no use."""
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
    context = _context_of_twin(original.session, before.measurements, measured.measurements)
    findings = merged(measured.findings, session_findings(context) if context else ())
    return replace(
        original,
        sha256=key,
        label=CLEAN if truth.label is TruthLabel.CLEAN else CONTAMINATED,
        source="injected",
        score=cv_score(findings),
        kinds={kind.value: severity for kind, severity in truth.kinds.items()},
        session=context,
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
    planes = planes_of(analysis.views)
    return replace(before, measurements=analysis.measurements, findings=analysis.findings, planes=planes), truth


def _random_cause(rng: np.random.Generator, setting: Setting) -> Cause:
    """One that can be put into a frame that is already taken."""
    weights = np.array([KIND_WEIGHTS[kind] for kind in KINDS])
    while True:
        kind = KINDS[int(rng.choice(len(KINDS), p=weights / weights.sum()))]
        cause = random_cause(kind, rng, float(rng.uniform(*SEVERITIES)), setting)
        if not isinstance(cause, Dew) and not (isinstance(cause, Overexposure) and cause.form == "sky"):
            return cause


def _context_of_twin(
    context: SessionContext | None, before: Measurements, after: Measurements
) -> SessionContext | None:
    """The comparison with the session for the twin: the reference is the same, so ratios change with the frame."""
    if context is None:
        return None

    def scaled(ratio: float | None, old: float | None, new: float | None) -> float | None:
        return ratio * new / old if ratio is not None and old and new is not None else None

    return replace(
        context,
        star_ratio=scaled(context.star_ratio, before.stars.count, after.stars.count),
        fwhm_ratio=scaled(context.fwhm_ratio, before.stars.fwhm_px, after.stars.fwhm_px),
        elongation_ratio=scaled(context.elongation_ratio, before.stars.elongation, after.stars.elongation),
        sky_ratio=scaled(context.sky_ratio, before.sky.level_adu, after.sky.level_adu),
        noise_ratio=scaled(context.noise_ratio, before.sky.noise_adu, after.sky.noise_adu),
    )


def _rng(original: FrameLabel, seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, int(original.sha256[:15], 16)])
