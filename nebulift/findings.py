"""``Finding``: one named cause why a frame may be bad, how bad, by which numbers, and where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What can be wrong with a frame."""

    STREAK = "streak"
    CLOUD = "cloud"
    TRAILED = "trailed"
    DEFOCUS = "defocus"
    SATURATION = "saturation"
    GRADIENT = "gradient"
    OBSTRUCTION = "obstruction"
    READOUT = "readout"
    EMPTY = "empty"
    OFF_TARGET = "off_target"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Line:
    """A trail, in raw pixels."""

    x0_px: float
    y0_px: float
    x1_px: float
    y1_px: float
    width_px: float


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle, in raw pixels, right and bottom exclusive."""

    left_px: float
    top_px: float
    right_px: float
    bottom_px: float


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of a regular grid over the frame: ``cells`` holds (row, column) pairs."""

    rows: int
    columns: int
    cells: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Ellipse:
    """The typical star image, magnified nowhere: axes in raw pixels, angle in degrees from x towards y."""

    major_px: float
    minor_px: float
    angle_deg: float


Geometry = Line | Box | Cells | Ellipse

NO_EVIDENCE: Mapping[str, float] = {}  # not a MappingProxyType: findings are sent between processes


@dataclass(frozen=True, slots=True)
class Finding:
    """``severity`` runs from 0 (not there) over 0.3 (noticeable) and 0.5 (a matter of taste) to 0.7 (plainly visible)
    and 1 (ruined). ``strong`` evidence stands by itself: it needs no comparison with other frames and no model.
    """

    kind: Kind
    severity: float
    text: str  # one sentence for the observer, with the deciding number
    evidence: Mapping[str, float] = field(default_factory=lambda: NO_EVIDENCE)
    geometry: Geometry | None = None
    strong: bool = False
