"""What was measured on one frame: numbers only, a unit in every name, ``None`` where nothing could be measured.

Lengths are in raw pixels of the stored image, x to the right, y down the rows, (0, 0) the centre of the first pixel;
angles in degrees from the x axis towards the y axis. Levels and noise are in ADU as stored.
"""

from dataclasses import dataclass

DETECTOR_VERSION = 9  # raised whenever an eye measures something else for the same bytes


@dataclass(frozen=True, slots=True)
class Sky:
    """Background of the frame (see ``nebulift.sky``)."""

    level_adu: float
    noise_adu: float  # standard deviation of one raw pixel, from differences of neighbours
    gradient_sigma: float  # range of the best plane over the frame, in units of ``noise_adu``
    gradient_angle_deg: float  # direction in which the plane rises
    patchiness_sigma: float  # scatter of the background on 1/16 of the frame, less plane and bowl
    vignetting_sigma: float  # depth of the radial bowl, in units of ``noise_adu``; positive when corners are dark
    is_all_sky: bool  # the image is a disc within a dark frame, as of a fisheye lens
    level_fraction: float | None = None  # of the range of the file's numbers; None: floats have no range
    # the sky in three parts (see ``nebulift.sky.structure``): standard deviations over the frame, over ``noise_adu``
    linear_sigma: float | None = None
    radial_sigma: float | None = None
    patchy_sigma: float | None = None  # on scales of 1/20 to 1/3 of the frame: cloud or nebula
    noise_ratio: float | None = None  # variance of the noise in the brightest quarter of the sky over the darkest's


@dataclass(frozen=True, slots=True)
class Stars:
    """Star list in summary (see ``nebulift.stars``); shapes come from unsaturated stars only."""

    count: int
    density_per_mpx: float
    measured: int  # stars whose shape was measured
    fwhm_px: float | None
    fwhm_arcsec: float | None
    hfr_px: float | None
    elongation: float | None  # major over minor axis, 1 = round
    angle_deg: float | None  # of the major axis, 0..180
    angle_coherence: float | None  # 1 = all stars point the same way, 0 = at random
    donut_fraction: float | None  # share of measured stars that are darker in the middle than in a ring around it
    hot_pixels: int  # detections refused because nothing but one pixel stands out
    # over the field; ``None`` where stars are too few or too close together to tell
    fwhm_tilt: float | None = None  # range of the best plane through FWHM over the frame, over its middle
    fwhm_tilt_angle_deg: float | None = None  # 0..360, in which the images widen
    fwhm_curvature: float | None = None  # of the best bowl, corners over centre
    radial_coherence: float | None = None  # 1 = stars point at the centre, -1 = around it, 0 = neither
    limiting_flux_adu: float | None = None  # of a star five times as bright as the noise within its matched area
    # how alike and how far apart what was taken for stars is
    shape_scatter: float | None = None  # median distance of the measured ellipticity vectors from their median
    spread_fwhm: float | None = None  # longer side of the box around the measured stars, in FWHM
    field_fraction: float | None = None  # of the frame, in the box around all stars
    brightest_snr: float | None = None  # of the highest peak, at the scale of detection


@dataclass(frozen=True, slots=True)
class Streak:
    """One straight trail (see ``nebulift.streaks``)."""

    x0_px: float
    y0_px: float
    x1_px: float
    y1_px: float
    width_px: float  # full width at half maximum across the trail
    length_px: float
    angle_deg: float  # 0..180
    snr: float  # total, along the whole trail
    peak_sigma: float  # mean height of the ridge over the noise of one raw pixel
    object_kind: str  # "satellite", "aircraft", "meteor" or "unknown"
    end_errors_px: tuple[float, float] | None = None  # standard errors along the trail of (x0, y0) and (x1, y1)
    brightness_sigma: tuple[float | None, ...] = ()  # height over raw pixel noise along the trail; None under a star


@dataclass(frozen=True, slots=True)
class Saturation:
    """Pixels at the camera's ceiling (see ``nebulift.sensor.saturation``)."""

    ceiling_adu: float | None  # ``None``: no ceiling is reached or known
    saturated_fraction: float
    largest_blob_fraction: float  # of the frame's area, one connected region
    bleed_fraction: float | None = None  # longest run of full pixels along a column, of the frame's height


@dataclass(frozen=True, slots=True)
class Sensor:
    """Read-out faults (see ``nebulift.sensor``)."""

    constant_rows: int  # rows whose pixels are all the same
    constant_columns: int
    dead_fraction: float  # largest block of rows or columns of one value, as of a half-read frame
    row_banding_sigma: float  # scatter of row medians beyond what noise explains, in units of the pixel noise
    column_banding_sigma: float
    lost_fraction: float | None = None  # of the frame, in rectangles of one value, of whatever width
    lost_boxes_px: tuple[tuple[int, int, int, int], ...] = ()  # (left, top, right, bottom) of the largest of them
    repeated_rows: int | None = None  # that are those above them once more, number by number
    repeated_top_px: int | None = None  # the first of them
    torn_at_px: int | None = None  # row from which on the frame lies sideways or comes from elsewhere
    torn_stars: bool | None = None  # the light of stars ends at that row
    torn_step_sigma: float | None = None  # by which the sky jumps at that row, in units of the pixel noise
    row_bands_sigma: float | None = None  # scatter of rows where it is greatest, in noise along the rows
    column_bands_sigma: float | None = None  # scatter of columns over most of the frame, in noise along the columns
    outstanding_rows: float | None = None  # share of rows that differ from those beside them by more than the noise
    outstanding_columns: float | None = None
    stuck_columns: int | None = None  # that hold one value
    dead_pixels: int | None = None  # far below the sky, alone
    shifted_by_px: int | None = None  # to the right, by which the part from ``torn_at_px`` on lies sideways
    torn_until_px: int | None = None  # one past the last row of that part; None: the end of the frame


@dataclass(frozen=True, slots=True)
class Coverage:
    """Part of the field in which stars are missing (see ``nebulift.obstruction.coverage``)."""

    missing_fraction: float  # of the area
    step_sigma: float  # background there less background elsewhere, in units of the pixel noise
    cells: tuple[tuple[int, int], ...]  # (row, column) on a grid of ``rows`` x ``columns``
    rows: int
    columns: int
    light_loss: float | None = None  # share of the sky's light that is missing there, at least
    is_proven: bool | None = None  # by stars; False: by the edge of the shade alone


@dataclass(frozen=True, slots=True)
class DarkLine:
    """A dark line through the frame, as of a hair before the sensor (see ``nebulift.obstruction.hair``)."""

    box_px: tuple[int, int, int, int]  # (left, top, right, bottom) around it
    length_px: float
    width_px: float
    depth_sigma: float  # below the darker of its sides, typical along it, in units of the pixel noise


@dataclass(frozen=True, slots=True)
class Doubles:
    """The second images of a frame's stars (see ``nebulift.stars.doubles``)."""

    apart_px: float
    angle_deg: float  # of the line through both, 0..180
    light_share: float  # of both images, in the fainter one; 0.5 at most
    stars: int  # that have one


@dataclass(frozen=True, slots=True)
class Measurements:
    """All eyes together. An eye that could not see is ``None``."""

    width_px: int
    height_px: int
    sky: Sky
    stars: Stars
    streaks: tuple[Streak, ...]
    saturation: Saturation
    sensor: Sensor
    coverage: Coverage | None  # None: too few stars to tell
    detector_version: int = DETECTOR_VERSION
    dark_line: DarkLine | None = None
    halo_share: float | None = (
        None  # light of stars between 3 and 10 FWHM over that within 2 (see ``nebulift.obstruction.halos``)
    )
    doubles: Doubles | None = None  # None: no star stands there twice, or stars are too few to tell
