"""Straight trails of satellites, aircraft and meteors in a single frame."""

from nebulift.streaks.find import find_streaks
from nebulift.streaks.mask import streak_mask

__all__ = ["find_streaks", "streak_mask"]
