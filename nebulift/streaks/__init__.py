"""Straight trails of satellites, aircraft and meteors in a single frame."""

from nebulift.streaks.find import find_streaks

__all__ = ["find_streaks"]
