"""Findings drawn where they are, as SVG over a picture of the frame; coordinates are raw pixels of the frame."""

from typing import Any

from nebulift.verdict import VISIBLE_SEVERITY
from nebulift_daemon.report.markup import Markup, element

STAR_SIZE = 0.08  # of the frame's width: how large a star image is drawn, so that its shape can be seen
BESIDE_LINE = 0.012  # of the frame's width: a trail is framed by two lines and stays visible itself


def overlay(findings: tuple[dict[str, Any], ...], shape_px: tuple[int, int]) -> list[Markup]:
    """The drawings of the findings that have a place; ``shape_px`` is (height, width)."""
    return [_drawn(finding, shape_px, number) for number, finding in enumerate(findings) if finding.get("geometry")]


def _drawn(finding: dict[str, Any], shape_px: tuple[int, int], number: int) -> Markup:
    geometry = finding["geometry"]
    weight = "plain" if finding["severity"] >= VISIBLE_SEVERITY else "slight"
    draw = {"line": _line, "box": _box, "cells": _cells, "ellipse": _ellipse}[geometry["shape"]]
    shapes = draw(geometry, shape_px)
    return element("g", element("title", finding["text"]), *shapes, class_=f"finding {weight}", data_finding=number)


def _line(geometry: dict[str, Any], shape_px: tuple[int, int]) -> list[Markup]:
    x0, y0, x1, y1 = (geometry[key] for key in ("x0_px", "y0_px", "x1_px", "y1_px"))
    length = max(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, 1e-6)
    apart = shape_px[1] * BESIDE_LINE + geometry["width_px"]
    across_x, across_y = -(y1 - y0) / length * apart, (x1 - x0) / length * apart
    return [
        element(
            "line",
            x1=f"{x0 + side * across_x:.0f}",
            y1=f"{y0 + side * across_y:.0f}",
            x2=f"{x1 + side * across_x:.0f}",
            y2=f"{y1 + side * across_y:.0f}",
        )
        for side in (-1, 1)
    ]


def _box(geometry: dict[str, Any], shape_px: tuple[int, int]) -> list[Markup]:
    del shape_px
    left, top = geometry["left_px"], geometry["top_px"]
    width, height = geometry["right_px"] - left, geometry["bottom_px"] - top
    return [element("rect", x=f"{left:.0f}", y=f"{top:.0f}", width=f"{width:.0f}", height=f"{height:.0f}")]


def _cells(geometry: dict[str, Any], shape_px: tuple[int, int]) -> list[Markup]:
    height, width = shape_px[0] / geometry["rows"], shape_px[1] / geometry["columns"]
    return [
        element(
            "rect",
            class_="cell",
            x=f"{column * width:.0f}",
            y=f"{row * height:.0f}",
            width=f"{width:.0f}",
            height=f"{height:.0f}",
        )
        for row, column in geometry["cells"]
    ]


def _ellipse(geometry: dict[str, Any], shape_px: tuple[int, int]) -> list[Markup]:
    """The typical star image, enlarged until it can be seen on a small picture, in the upper left corner."""
    larger = STAR_SIZE * shape_px[1] / max(geometry["major_px"], 1e-6)
    reach = geometry["major_px"] * larger * 0.7
    at = f"{reach:.0f}"
    return [
        element(
            "ellipse",
            cx=at,
            cy=at,
            rx=f"{geometry['major_px'] * larger / 2:.0f}",
            ry=f"{geometry['minor_px'] * larger / 2:.0f}",
            transform=f"rotate({geometry['angle_deg']:.0f} {at} {at})",
        )
    ]
