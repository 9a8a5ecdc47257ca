"""Verdicts on simulated sessions of many cameras, by the measurements alone: alone, live, and looking back.

    python benchmarks/verdicts.py --sessions 60 --frames 14 --workers 2

The truth is the simulator's: contaminated from severity 0.7, clean up to 0.3, between marginal (in no figure but the
queue). Intervals are 95 % by bootstrap over sessions. Prints Markdown. The filter was built with this simulator:
see the figures of foreign frames for how far that carries.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from nights import judged

from nebulift.cv_prefilter import ArtifactDetector
from nebulift.frame import frame_from_array
from nebulift.pipeline import as_measured
from nebulift.simulate import random_session
from nebulift.training.metrics import roc_auc, with_interval

FIRST_SEED = 100


def measured_session(job):
    """[(measured, truth)] of one random session."""
    seed, frames = job
    rows = []
    for frame in random_session(seed, frames):
        seen = frame_from_array(frame.pixels, frame.exposure, Path(f"{seed}/{frame.plan.number}"))
        rows.append((as_measured(seen, ArtifactDetector().analyse(seen)), frame.truth))
    return rows


def table(name, rows):
    """One line of the table; rows: (session, true label, severity by kind, judgement)."""
    truth = np.array([label for _, label, _, _ in rows])
    score = np.array([judgement.verdict.score for *_, judgement in rows])
    label = np.array([judgement.verdict.label.value for *_, judgement in rows])
    groups = [session for session, *_ in rows]

    def share(of, asked):
        where = np.flatnonzero(truth == of)
        hits = asked(label)[where]
        return with_interval(lambda i: float(hits[i].mean()) if len(i) else None, [groups[n] for n in where])

    decided = np.flatnonzero(truth != "marginal")
    auc = with_interval(
        lambda i: roc_auc(score[decided[i]], truth[decided[i]] == "clean"), [groups[n] for n in decided]
    )
    cells = [
        auc,
        share("clean", lambda found: found == "contaminated"),
        share("clean", lambda found: found == "review"),
        share("contaminated", lambda found: found == "contaminated"),
        share("contaminated", lambda found: found == "clean"),
    ]
    return f"| {name} | " + " | ".join(map(str, cells)) + " |"


def by_kind(rows):
    """Lines of the plainly visible artefacts by kind: n, share caught, share accepted."""
    found = {}
    for _, _, kinds, judgement in rows:
        for kind, severity in kinds.items():
            if severity >= 0.7:
                found.setdefault(kind.value, []).append(judgement.verdict.label.value)
    for kind, labels in sorted(found.items()):
        caught, kept = labels.count("contaminated") / len(labels), labels.count("clean") / len(labels)
        yield f"| {kind} | {len(labels)} | {caught:.2f} | {kept:.2f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--frames", type=int, default=14)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    jobs = [(FIRST_SEED + number, asked.frames) for number in range(asked.sessions)]
    ways = {}
    with ProcessPoolExecutor(asked.workers) as pool:
        for number, session in enumerate(pool.map(measured_session, jobs)):
            for way, judgements in judged(session)[0].items():
                ways.setdefault(way, []).extend(
                    (str(number), truth.label.value, truth.kinds, judgement)
                    for (_, truth), judgement in zip(session, judgements, strict=True)
                )
    print(f"{asked.sessions} simulated sessions of {asked.frames} frames (seeds from {FIRST_SEED}):\n")
    print("| | ROC-AUC | clean rejected | clean to review | contaminated caught | contaminated accepted |")
    print("|---|---|---|---|---|---|")
    for way, rows in ways.items():
        print(table(way, rows))
    print("\n| plainly visible (severity from 0.7), against its session | n | caught | accepted |\n|---|---|---|---|")
    print(*by_kind(ways["live"]), sep="\n")


if __name__ == "__main__":
    main()
