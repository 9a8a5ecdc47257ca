"""``Measured`` as JSON-ready types and back: what is kept of a frame so that it need not be opened again."""

import base64
import dataclasses
import zlib
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nebulift.assessment import findings_of
from nebulift.exposure import Exposure, FrameKind
from nebulift.judgement import plain
from nebulift.measurements import Coverage, DarkLine, Doubles, Measurements, Saturation, Sensor, Sky, Stars, Streak
from nebulift.pipeline import Measured
from nebulift.session import Glimpse


def as_record(measured: Measured) -> dict[str, Any]:
    """Exposure, shape, measurements, what the session compares; planes and findings are not part of it."""
    return {
        "exposure": plain(dataclasses.asdict(measured.exposure), digits=None),
        "shape": list(measured.shape),
        "measurements": plain(dataclasses.asdict(measured.measurements), digits=None),
        "glimpse": _glimpse_record(measured.glimpse),
    }


def from_record(record: dict[str, Any], path: Path, planes: NDArray[np.float32] | None = None) -> Measured:
    """The inverse; findings are made anew from the measurements by the limits of today.

    Raises ``KeyError``, ``TypeError`` or ``ValueError`` when the record is not one of this version.
    """
    height, width = record["shape"]
    measurements = _measurements(record["measurements"])
    exposure = _exposure(record["exposure"])
    glimpse = _glimpse(record["glimpse"])
    findings = findings_of(measurements, exposure)
    return Measured(path, exposure, (height, width), measurements, findings, glimpse, planes, (), 0.0)


def _glimpse_record(glimpse: Glimpse) -> dict[str, Any]:
    """Arrays as [type, shape, text], bit by bit: a frame from the cache is judged as if it had been opened again."""
    return {
        name: _packed(value) if isinstance(value, np.ndarray) else plain(value, digits=None)
        for name, value in ((field.name, getattr(glimpse, field.name)) for field in dataclasses.fields(glimpse))
    }


def _glimpse(record: dict[str, Any]) -> Glimpse:
    height, width = record["shape_px"]
    numbers = {name: float(record[name]) for name in ("noise_adu", "residual_noise")}
    names = {field.name for field in dataclasses.fields(Glimpse)} - {"shape_px", *numbers}
    values: dict[str, Any] = {name: _unpacked(record[name]) for name in names} | numbers
    return Glimpse(shape_px=(height, width), **values)


def _packed(values: NDArray[Any]) -> list[Any]:
    """[type, shape, text] of an array."""
    values = values.astype(values.dtype.newbyteorder("<"))
    content = zlib.compress(np.ascontiguousarray(values).tobytes())
    return [values.dtype.str, list(values.shape), base64.b85encode(content).decode("ascii")]


def _unpacked(packed: list[Any]) -> NDArray[Any]:
    kind, shape, text = packed
    content = zlib.decompress(base64.b85decode(text))
    return np.frombuffer(content, dtype=kind).reshape(shape).astype(np.dtype(kind).newbyteorder("="))


def _measurements(record: dict[str, Any]) -> Measurements:
    coverage = record["coverage"]
    if coverage is not None:
        cells = tuple((int(row), int(column)) for row, column in coverage["cells"])
        coverage = Coverage(**{**coverage, "cells": cells})
    return Measurements(
        record["width_px"],
        record["height_px"],
        Sky(**record["sky"]),
        Stars(**record["stars"]),
        tuple(map(_streak, record["streaks"])),
        Saturation(**record["saturation"]),
        _sensor(record["sensor"]),
        coverage,
        record["detector_version"],
        _dark_line(record.get("dark_line")),
        record.get("halo_share"),
        None if record.get("doubles") is None else Doubles(**record["doubles"]),
    )


def _dark_line(record: dict[str, Any] | None) -> DarkLine | None:
    return None if record is None else DarkLine(**{**record, "box_px": tuple(record["box_px"])})


def _sensor(record: dict[str, Any]) -> Sensor:
    return Sensor(**{**record, "lost_boxes_px": tuple(tuple(box) for box in record.get("lost_boxes_px", ()))})


def _streak(record: dict[str, Any]) -> Streak:
    """Lists are tuples again; records of older versions lack both."""
    errors, brightness = record.get("end_errors_px"), record.get("brightness_sigma", ())
    errors = None if errors is None else (float(errors[0]), float(errors[1]))
    return Streak(**{**record, "end_errors_px": errors, "brightness_sigma": tuple(brightness)})


def _exposure(record: dict[str, Any]) -> Exposure:
    taken_at, binning = record["taken_at"], record["binning"]
    return Exposure(
        **{
            **record,
            "kind": FrameKind(record["kind"]),
            "taken_at": None if taken_at is None else datetime.fromisoformat(taken_at),
            "binning": None if binning is None else (binning[0], binning[1]),
        }
    )
