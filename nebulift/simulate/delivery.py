"""Frames that do not come as the camera read them: calibrated, or calibrated and shifted onto others of their field."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.simulate.camera import Camera
from nebulift.simulate.sensor import FixedPattern

LEAST_FLAT = 0.05  # no program divides by less


def delivered(
    pixels: NDArray[Any], camera: Camera, pattern: FixedPattern, exposure_s: float, rng: np.random.Generator
) -> NDArray[Any]:
    """``pixels`` (H, W) as the file holds them.

    ``raw``: as they are. ``calibrated``: float32, bias, dark current and glow taken off, divided by the flat field.
    ``aligned``: moreover moved by a part of a pixel with linear interpolation, which smooths the noise; the border that
    nothing was moved to is 0. The masters are without noise, as of many frames.
    """
    if camera.delivery == "raw":
        return pixels
    dark_e = np.float32(camera.dark_e_s * exposure_s) + pattern.column_e[None, :]
    if pattern.glow_e_s is not None:
        dark_e = dark_e + pattern.glow_e_s * np.float32(exposure_s)
    values = pixels.astype(np.float32) - np.float32(camera.stored_bias_adu) - dark_e / np.float32(camera.stored_gain)
    values /= np.maximum(pattern.flat, np.float32(LEAST_FLAT))
    if camera.delivery == "aligned" and camera.bayer is None:
        dx, dy = rng.uniform(-12.0, 12.0, 2)
        move = np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]], dtype=np.float32)
        size = (camera.width_px, camera.height_px)
        values = cv2.warpAffine(values, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(values, dtype=np.float32)
