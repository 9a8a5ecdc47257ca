"""How the daemon and its frames are doing, in Prometheus' text format 0.0.4: base units, counters end in ``_total``.

https://prometheus.io/docs/practices/naming/
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from nebulift import __version__

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics_text(
    lists: Mapping[str, int], verdicts: Mapping[str, int], status: Mapping[str, Any] | None, *, up: bool
) -> str:
    """The whole answer. ``lists`` as ``Browsing.counts``, ``verdicts`` as ``Frames.counts`` gives them."""
    return "".join(_lines(lists, verdicts, status or {}, up=up))


def _lines(
    lists: Mapping[str, int], verdicts: Mapping[str, int], status: Mapping[str, Any], *, up: bool
) -> Iterator[str]:
    yield from _metric("nebulift_info", "gauge", "The version that serves the page.", {f'version="{__version__}"': 1})
    yield from _metric("nebulift_up", "gauge", "Whether the daemon runs.", {"": int(up)})
    shown = {f'list="{name}"': number for name, number in lists.items()}
    yield from _metric("nebulift_frames", "gauge", "Frames in each list of the review page.", shown)
    judged = {f'verdict="{name}"': verdicts.get(name, 0) for name in ("clean", "contaminated", "review", "skipped")}
    yield from _metric("nebulift_verdict_frames", "gauge", "Frames by the verdict that holds now.", judged)
    total = {"": sum(judged.values())}
    yield from _metric("nebulift_judged_frames_total", "counter", "Frames judged since the ledger began.", total)
    unreadable = {"": verdicts.get("unreadable", 0)}
    yield from _metric("nebulift_unreadable_frames_total", "counter", "Frames that could not be read.", unreadable)
    for name, key, words in (
        ("nebulift_queue_frames", "queue", "Frames that wait to be judged."),
        ("nebulift_settling_frames", "settling", "Frames that are still being written."),
        ("nebulift_unfiled_frames", "unfiled", "Frames that are judged and could not be filed yet."),
        ("nebulift_disk_free_bytes", "disk_free_bytes", "Room on the disk of the output folder."),
    ):
        if up and isinstance(status.get(key), int):
            yield from _metric(name, "gauge", words, {"": status[key]})
    problems = len(status.get("problems") or ()) if up else 0
    yield from _metric("nebulift_problems", "gauge", "Problems that the daemon has at the moment.", {"": problems})
    if started := status.get("started_at"):
        at = datetime.fromisoformat(started).timestamp()
        yield from _metric("nebulift_start_time_seconds", "gauge", "When the daemon was started, Unix time.", {"": at})


def _metric(name: str, kind: str, words: str, samples: Mapping[str, float]) -> Iterator[str]:
    yield f"# HELP {name} {words}\n# TYPE {name} {kind}\n"
    for labels, value in samples.items():
        yield f"{name}{{{labels}}} {value}\n" if labels else f"{name} {value}\n"
