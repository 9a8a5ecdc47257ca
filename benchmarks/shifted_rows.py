"""How often rows that lie sideways are told, and where there are none.

    python benchmarks/shifted_rows.py --frames 60 --clean 200 --strange 8

Into simulated frames (random camera, optics, field, night) in which nothing is wrong a part of the rows is shifted, and
wraps round: 1 to 500 pixels, 1 to 50 % of the rows, amid the frame or to its end; of mosaics by even numbers. Right is
a find whose first row and shift are those of the truth, within 24 rows and a pixel (the other part of the frame shifted
the other way is the same thing). A tear may be told without saying by how much. By the sensor's eye alone. Intervals
are Clopper and Pearson's, 95 %. Prints Markdown. Seeds from 52 000 on; limits were set with seeds below 2000.
"""

import argparse
import math

import cv2
import numpy as np
from sky_and_sensor import interval
from strange_skies import CLASSES

from nebulift import sky
from nebulift.exposure import Exposure
from nebulift.frame import frame_from_array
from nebulift.scan import scan_frame
from nebulift.sensor import first_look, measure_sensor
from nebulift.simulate import rendered
from nebulift.simulate.night import plan_session

FIRST_SEED = 52_000
SHIFTS = ((1, 1), (2, 2), (3, 8), (9, 50), (51, 500))
SHARES = ((0.01, 0.05), (0.05, 0.2), (0.2, 0.5))
STARS = (0, 100, 400, 1600, 6400)  # above 5 sigma for each 1000 rows: about as many thirds of a per cent lie on a row
ROW_PX, SHIFT_PX = 24, 1  # off by no more counts as right
JUMP_SIGMA = 0.35  # of the sky: a question for a person


def sensor_of(pixels, exposure: Exposure):
    frame = frame_from_array(pixels, exposure)
    scan = scan_frame(frame)
    look = first_look(scan)
    flat = sky.subtract_background(scan, sky.measure_background(scan))
    return measure_sensor(frame, scan, flat, look)


def shifted(pixels, rng, shifts, shares, step):
    """(pixels, first row, one past the last, shift)"""
    height, width = pixels.shape
    shift = min(math.ceil(rng.integers(shifts[0], shifts[1] + 1) / step) * step, width // 2 // step * step)
    rows = max(round(height * rng.uniform(*shares)), 8)
    top = height - rows if rng.random() < 0.5 else int(rng.integers(16, height - rows - 16))
    made = pixels.copy()
    made[top : top + rows] = np.roll(made[top : top + rows], shift, axis=1)
    return made, top, top + rows, shift


def is_right(sensor, top, end, shift, width):
    """Whether first row and shift are the truth's."""
    if sensor.shifted_by_px is None:
        return False

    def is_at(row, lag):
        off = abs((sensor.shifted_by_px - lag + width // 2) % width - width // 2)
        return abs(sensor.torn_at_px - row) <= ROW_PX and off <= SHIFT_PX

    return is_at(top, shift) or is_at(end, -shift)


def is_torn(sensor):
    return sensor.shifted_by_px is not None or sensor.torn_stars or (sensor.torn_step_sigma or 0.0) >= JUMP_SIGMA


def print_table(name, rows, key):
    """Rows are dictionaries with what was done and whether it was told, and right."""
    print(f"\n| {name} | n | a tear, in whatever words | told by how much | right, of those |\n|---|---|---|---|---|")
    for value in sorted({row[key] for row in rows}):
        mine = [row for row in rows if row[key] == value]
        told = [row for row in mine if row["told"]]
        right = f"{sum(row['right'] for row in told)} of {len(told)}"
        torn = interval(sum(row["torn"] for row in mine), len(mine))
        print(f"| {value[1]} | {len(mine)} | {torn} | {interval(len(told), len(mine))} | {right} |")


def field(seed, megapixels):
    plan = plan_session(np.random.SeedSequence([seed, 72]), 1, "clear", megapixels=megapixels)
    return rendered(plan[0])


def tried(seed, megapixels):
    """Rows of the table from one field, one for each range of shifts."""
    frame = field(seed, megapixels)
    step = 1 if frame.exposure.bayer is None else 2
    rng = np.random.default_rng([seed, 71])
    stars = 1000.0 * frame.truth.conditions.stars / frame.pixels.shape[0]
    rich = int(np.searchsorted(STARS, stars, side="right")) - 1
    for number, shifts in enumerate(SHIFTS):
        if shifts[1] < step:
            continue
        part = int(rng.integers(len(SHARES)))
        pixels, top, end, shift = shifted(frame.pixels, rng, shifts, SHARES[part], step)
        sensor = sensor_of(pixels, frame.exposure)
        low, high = SHARES[part]
        yield {
            "shift": (number, f"{shifts[0]}-{shifts[1]} px"),
            "rows": (part, f"{low:.0%} to {high:.0%}"),
            "stars for 1000 rows": (rich, f"from {STARS[rich]}"),
            "torn": is_torn(sensor),
            "told": sensor.shifted_by_px is not None,
            "right": is_right(sensor, top, end, shift, pixels.shape[1]),
        }


def print_false_alarms(asked):
    """Where rows are said to be shifted that are not."""
    print("\n| nothing shifted | n | told |\n|---|---|---|")
    if asked.clean:
        frames = (field(seed, asked.megapixels) for seed in range(asked.first, asked.first + asked.clean))
        told = sum(is_torn(sensor_of(frame.pixels, frame.exposure)) for frame in frames)
        print(f"| simulated fields | {asked.clean} | {interval(told, asked.clean)} |", flush=True)
    told = 0
    for name in CLASSES if asked.strange else ():
        here = [
            seed for seed in range(asked.first, asked.first + asked.strange) if is_torn(sensor_of(*CLASSES[name](seed)))
        ]
        told += len(here)
        if here:
            print(f"| {name}, seeds {here} | {asked.strange} | {interval(len(here), asked.strange)} |", flush=True)
    if asked.strange:
        n = asked.strange * len(CLASSES)
        print(f"| {len(CLASSES)} kinds of frames of very different making | {n} | {interval(told, n)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=60, help="fields into which shifts are put; 0: none")
    parser.add_argument("--clean", type=int, default=200, help="fields without any; 0: none")
    parser.add_argument("--strange", type=int, default=0, help="frames of each kind of strange_skies.py")
    parser.add_argument("--first", type=int, default=FIRST_SEED, help="first seed")
    parser.add_argument("--megapixels", type=float, default=1.7)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    seeds = range(asked.first, asked.first + asked.frames)
    rows = [row for seed in seeds for row in tried(seed, asked.megapixels)]
    for key in ("shift", "rows", "stars for 1000 rows") if rows else ():
        print_table(key, rows, key)
    print_false_alarms(asked)


if __name__ == "__main__":
    main()
