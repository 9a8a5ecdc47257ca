"""The sky of a frame: its background, noise, gradient and structure; and the map with all that taken off."""

from nebulift.sky.background import Background, level_fraction, measure_background, subtract_background, summarise

__all__ = ["Background", "level_fraction", "measure_background", "subtract_background", "summarise"]
