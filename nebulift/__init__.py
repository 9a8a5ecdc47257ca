"""Nebulift grades astronomical frames: clean, contaminated or review, with the cause named.

Importing this package costs nothing: no array library, no model, no file is touched before it is asked for.
"""

__version__ = "0.1.0"
