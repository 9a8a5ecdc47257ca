"""Frames and nights with known truth: physics from photons to numbers in a file, every artefact with its severity.

``star_field`` and ``random_frame`` make frames in memory, ``random_session`` and ``plan_night`` whole sessions,
``simulate_night`` a folder of files with ``labels.csv``, and ``inject`` puts artefacts into real frames.
"""

from nebulift.simulate.inject import inject, inject_random
from nebulift.simulate.labels import LabelledFrame, read_labels
from nebulift.simulate.night import SimulatedFrame, plan_night, random_frame, random_session, rendered
from nebulift.simulate.night_files import simulate_night
from nebulift.simulate.star_field import StarField, add_streak, star_field
from nebulift.simulate.truth import Artefact, Truth, TruthLabel

__all__ = [
    "Artefact",
    "LabelledFrame",
    "SimulatedFrame",
    "StarField",
    "Truth",
    "TruthLabel",
    "add_streak",
    "inject",
    "inject_random",
    "plan_night",
    "random_frame",
    "random_session",
    "read_labels",
    "rendered",
    "simulate_night",
    "star_field",
]
