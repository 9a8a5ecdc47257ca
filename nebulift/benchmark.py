"""What judging costs on this machine: CPU time by stage, latency, peak memory, for frames of four sizes; the least that
reading could cost, and peers, beside it.

Every frame size runs in a process of its own, so that the peak of one does not hide the next; the peer runs in the same
process right after us, interleaved, so that both see the same machine.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from nebulift.classifier import EMPTY, Classifier, int8_file, load_classifier
from nebulift.cv_prefilter import ArtifactDetector
from nebulift.errors import ModelMismatch, NebuliftError
from nebulift.freed_memory import keep_freed_memory
from nebulift.model_card import default_model_path
from nebulift.preprocess import model_input
from nebulift.readers import open_frame
from nebulift.streaks.search import find_candidates
from nebulift.streaks.search_map import StreakMap, search_level, streak_map

SIZES_PX = {2: (1936, 1096), 16: (4656, 3520), 26: (6248, 4176), 61: (9576, 6388)}  # megapixels: (width, height)
DENSITY_PER_MPX = 60.0  # stars above 5 sigma, as in an ordinary field off the Milky Way
HEADER = {"IMAGETYP": "Light Frame", "EXPTIME": 120.0, "FILTER": "L", "INSTRUME": "simulated"}
ROUNDS = 3
NETWORK_ROUNDS = 20
CHILD_TIMEOUT_S = 600
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True, slots=True)
class Cost:
    """Medians over the rounds, CPU milliseconds (user + system)."""

    megapixels: int
    stages_ms: dict[str, float]
    total_ms: float
    loaded_mb: float  # resident before the first frame: imports and model
    peak_mb: float  # resident at most while judging
    peer_ms: float | None  # sep: Background + extract + flux_radius, reading included; None: not installed or not asked
    peer_peak_mb: float | None
    floor_ms: float  # the least: the file read in strips, and one pass that bins them
    latency_ms: float  # wall-clock time, median
    latency_p95_ms: float
    search_ms: float  # of all lines of the map on which trails are sought
    network_ms: dict[str, float]  # of each form of the model that is at hand: fp32, int8


def benchmark(sizes: list[int], folder: Path, *, model: str | None, peers: bool, rounds: int = ROUNDS) -> list[Cost]:
    """The cost of each size, one thread, page cache warm. Frames are made in ``folder``. Raises ``NebuliftError``."""
    costs = []
    for megapixels in sizes:
        path = folder / f"benchmark_{megapixels}mp.fits"
        if not path.exists():
            write_frame(path, *SIZES_PX[megapixels])
        costs.append(_in_child(path, megapixels, model, peers, rounds))
    return costs


def write_frame(path: Path, width: int, height: int) -> None:
    """A 16-bit frame as INDI writes it: stars, sky gradient, vignetting, noise, one faint trail."""
    from astropy.io import fits  # noqa: PLC0415  late: only the benchmark writes frames

    from nebulift.simulate import star_field  # noqa: PLC0415

    field = star_field(width, height, fwhm_px=3.2, density_per_mpx=DENSITY_PER_MPX, seed=width)
    header = fits.Header(HEADER)  # without one, the pixels are asked first whether this is a light frame at all
    fits.PrimaryHDU(field.pixels, header).writeto(path)


def _in_child(path: Path, megapixels: int, model: str | None, peers: bool, rounds: int) -> Cost:
    arguments = [str(path), str(megapixels), model or "", str(int(peers)), str(rounds)]
    command = [sys.executable, "-m", "nebulift.benchmark", *arguments]
    environment = os.environ | ONE_THREAD
    done = subprocess.run(  # noqa: S603  our own interpreter and our own module
        command, capture_output=True, text=True, timeout=CHILD_TIMEOUT_S, env=environment, check=False
    )
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise NebuliftError(f"benchmark of {megapixels} megapixels failed: {last[0]}; is there enough memory?")
    return Cost(**json.loads(done.stdout))


def measure(path: Path, megapixels: int, model: str | None, peers: bool, rounds: int = ROUNDS) -> Cost:
    """The cost of judging ``path`` in this process."""
    import cv2  # noqa: PLC0415

    cv2.setNumThreads(1)
    keep_freed_memory()  # as the daemon's judge does
    classifier = loaded(model)
    loaded_mb = resident_mb()
    stages: dict[str, list[float]] = {}
    judged: list[tuple[float, float]] = []
    floors: list[float] = []
    peer_times: list[float] = []
    for _ in range(rounds):
        judged.append(_judge_once(path, classifier, stages))
        floors.append(_timed(lambda: _floor(path)))
    peak_mb = peak_resident_mb()
    for _ in range(rounds if peers else 0):
        spent = _peer_once(path)
        if spent is not None:
            peer_times.append(spent)
            judged.append(_judge_once(path, classifier, stages))
    search_map = _search_map(path)
    searches = [_timed(lambda: find_candidates(search_map)) for _ in range(rounds)]
    totals, latencies = zip(*judged, strict=True)
    return Cost(
        megapixels,
        {name: statistics.median(times) for name, times in stages.items()},
        statistics.median(totals),
        loaded_mb,
        peak_mb,
        statistics.median(peer_times) if peer_times else None,
        peak_resident_mb() if peer_times else None,
        statistics.median(floors),
        statistics.median(latencies),
        float(np.quantile(latencies, 0.95)),
        statistics.median(searches),
        _network_ms(model),
    )


def _floor(path: Path) -> None:
    """The file read in strips of some hundred kilobytes, and a pass over each that does the least: means of 2 x 2."""
    import cv2  # noqa: PLC0415

    buffer = np.empty((64, 8192), np.uint16)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer.data) == buffer.nbytes:
            cv2.resize(buffer, (4096, 32), interpolation=cv2.INTER_AREA)


def _search_map(path: Path) -> StreakMap:
    with open_frame(path) as frame:
        maps = ArtifactDetector().analyse(frame).views.maps
    level = search_level(maps)
    return streak_map(maps[level], np.zeros(maps[level].shape, dtype=bool), 1)


def _network_ms(model: str | None) -> dict[str, float]:
    """CPU milliseconds of an answer of each form of the model, alone."""
    if not model:
        return {}
    file = default_model_path() if model == "default" else Path(model)
    found = {}
    for form, source in (("fp32", file), ("int8", int8_file(file))):
        if not source.is_file():
            continue
        with tempfile.TemporaryDirectory() as folder:  # away from its twin, which would be taken where it is faster
            one = load_classifier(shutil.copy(source, Path(folder) / "model.onnx"))
        times = [_timed(partial(one.answer, EMPTY)) for _ in range(NETWORK_ROUNDS)]
        found[form] = statistics.median(times)
    return found


def loaded(model: str | None) -> Classifier | None:
    """The model, or ``None`` where there is none or it does not fit; then the reason goes to stderr."""
    if not model:
        return None
    try:
        return load_classifier(model)
    except ModelMismatch as error:
        sys.stderr.write(f"{error}\n")
        return None


def _judge_once(path: Path, classifier: Classifier | None, stages: dict[str, list[float]]) -> tuple[float, float]:
    """(CPU, wall-clock milliseconds) of one judgement; its stages are added to ``stages``."""
    started = time.perf_counter()
    clock = _StageClock(stages)
    with open_frame(path) as frame:
        analysis = ArtifactDetector().analyse(frame, clock.done)
    if classifier is not None:
        given = model_input(analysis.views, analysis.measurements, None)
        clock.done("planes")
        classifier.answer(given)
        clock.done("network")
    return clock.total_ms(), (time.perf_counter() - started) * 1000.0


class _StageClock:
    """CPU time between calls of ``done``."""

    def __init__(self, stages: dict[str, list[float]]) -> None:
        self._stages = stages
        self._start = self._last = time.process_time()

    def done(self, stage: str) -> None:
        now = time.process_time()
        self._stages.setdefault(stage, []).append((now - self._last) * 1000.0)
        self._last = now

    def total_ms(self) -> float:
        return (self._last - self._start) * 1000.0


def _peer_once(path: Path) -> float | None:
    """CPU milliseconds of sep on the same file, or ``None`` where it is not installed."""
    try:
        import sep  # noqa: PLC0415  a peer, not a dependency
    except ImportError:
        return None
    return _timed(lambda: _sep(path, sep))


def _sep(path: Path, sep: "object") -> None:
    with open_frame(path) as frame:
        image = frame.array().astype(np.float32)
    background = sep.Background(image)  # type: ignore[attr-defined]
    background.subfrom(image)
    found = sep.extract(image, 5.0, err=background.globalrms)  # type: ignore[attr-defined]
    sep.flux_radius(image, found["x"], found["y"], 6.0 * found["a"], 0.5)  # type: ignore[attr-defined]


def _timed(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000.0


def resident_mb() -> float:
    """Resident memory of this process now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def peak_resident_mb() -> float:
    """Greatest resident memory of this program so far; ``ru_maxrss`` would count what its parent had when it began."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


if __name__ == "__main__":
    file, size, model_name, with_peers, times = sys.argv[1:6]
    cost = measure(Path(file), int(size), model_name or None, with_peers == "1", int(times))
    sys.stdout.write(json.dumps(asdict(cost)))
