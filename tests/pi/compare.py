"""Compares what two machines said of the same frames: the verdicts must be equal, the numbers nearly so.

python tests/pi/compare.py HERE.jsonl THERE.jsonl
"""

import json
import sys
from pathlib import Path

MOST_SCORE = 0.01  # of 1: another order of sums in float32 moves a calibrated probability by less
MOST_RELATIVE = 0.01  # of a measurement: a star more or less at the limit of detection moves a median


def read(path):
    records = [json.loads(line) for line in Path(path).read_text().splitlines()]
    return {Path(record["path"]).name: record for record in records}


def numbers(record, prefix=""):
    """Every number of a record by its path."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{prefix}{name}", float(value)


def relative(one, other):
    return abs(one - other) / max(abs(one), abs(other), 1e-9)


def main():
    here, there = (read(path) for path in sys.argv[1:3])
    assert here.keys() == there.keys(), "not the same frames"
    wrong, farthest_score, farthest, of, compared = [], 0.0, 0.0, "", 0
    for name in sorted(here):
        one, other = here[name], there[name]
        if one["verdict"] != other["verdict"] or set(one["kinds"]) != set(other["kinds"]):
            wrong.append(f"{name}: {one['verdict']} {one['kinds']} here, {other['verdict']} {other['kinds']} there")
        for score in ("score", "cv_score", "model_score"):
            if (one[score] is None) != (other[score] is None):
                wrong.append(f"{name}: {score} {one[score]} here, {other[score]} there")
            elif one[score] is not None:
                farthest_score = max(farthest_score, abs(one[score] - other[score]))
        theirs = dict(numbers(other["measurements"]))
        ours = dict(numbers(one["measurements"]))
        if ours.keys() != theirs.keys():
            wrong.append(f"{name}: only one of them measured {sorted(ours.keys() ^ theirs.keys())}")
        for key in ours.keys() & theirs.keys():
            compared += 1
            if relative(ours[key], theirs[key]) > farthest:
                farthest, of = relative(ours[key], theirs[key]), f", {key} of {name}: {ours[key]:g} and {theirs[key]:g}"
        print(f"{name:40} {one['verdict']:12} {one['score']} {other['score']}")
    print(f"{len(here)} frames: scores differ by {farthest_score:.2g} at most")
    print(f"{compared} measurements: they differ by a share of {farthest:.2g} at most{of}")
    if farthest_score > MOST_SCORE or farthest > MOST_RELATIVE:
        wrong.append(f"farther apart than {MOST_SCORE} and {MOST_RELATIVE}")
    print("\n".join(wrong) or "equal within tolerance")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
