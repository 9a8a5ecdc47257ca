"""Where in the field stars are missing: behind a dome, a tree, a patch of cloud. One frame, no reference.

Five witnesses: the background splits into two levels with a step between (``_dark_side``); a side is darker and less
noisy than the opposite one (``shaded_side``); a side has far fewer stars than any part of the rest (``poor_side``); in
fields rich in stars, cells of a grid hold next to none (``_empty_cells``); or the sky has an edge
(``_edge_of_the_sky``). The stars have the last word: without them nothing is proven.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from nebulift.cells import borders_touched, cells_of, large_regions, largest_region
from nebulift.measurements import Coverage
from nebulift.obstruction.edge import sky_edge
from nebulift.obstruction.poor_side import poor_side
from nebulift.obstruction.shaded_side import MIN_CELLS, MIN_LOSS, PLAIN_LEVELS, proof_of_shade, shaded_side
from nebulift.scan import Scan
from nebulift.sky import Background
from nebulift.stars import StarList

STARS_PER_CELL = 12.0  # an empty cell then has the probability exp(-12) by chance
MAX_CELLS_A_SIDE = 16
MIN_CELLS_A_SIDE = 3
MISSING_SHARE = 0.2  # a cell with fewer stars than this share of the typical cell's is without stars
MIN_REGION_CELLS = 2
GRID = 16  # cells a side on which the two levels are sought
TWO_LEVELS = 0.84  # share of the variance between two classes: 0.75 for a ramp, 0.7 for a vignetted disc, 1 for a step
MIN_STEP_SIGMA = 2.0  # between the levels, in noise of one raw pixel
MIN_SIDE_SHARE = 0.04
MAX_SIDE_SHARE = 0.85
FEWER_STARS = 0.6  # density on the dark side over that on the bright side
NEARLY_ALL = 0.75  # of the light: of stars so much fainter three in ten are left
ENOUGH_STARS = 5.0  # expected behind an edge: fewer say nothing
CHANCE = 1e-3
NOISIEST = 0.9  # quantile of the cells: what stands out there stands out nearly everywhere
OTHER_SKY_SIGMA = 0.4  # of a raw pixel: the medians of so many cells are good to 0.02 of it
# Of what plane and bowl leave of the sky, explained by one straight edge: at most 0.52 in 81 clean frames of 27 very
# different kinds (seeds 61000-61002), 0.6 to 0.95 of simulated roofs and domes over a quarter of the field.
EDGE_EXPLAINS, EDGE_HINTS = 0.68, 0.35
EVEN_BESIDE, EVEN_BY_A_GLOW = 0.5, 0.25  # slope of the sky beside the edge over that across it
GLOW_SHARE = 0.35  # of the field: so small a bright side with a soft edge may be the glow of the Moon or of a lamp
PLAIN_TWO_LEVELS = 0.9  # a border of any form: no smooth sky comes near
LEAST_LEVEL_SHARE = 0.1  # of the field
LEAST_LOST = 0.3  # of the light, where neither noise nor stars say how much
# Of stars of S/N 5 and more, N(> S/N) falling as its power of -0.8, 0.4 are bright enough (15) to show their shape.
SHAPED_SHARE, ENOUGH_SHAPES = 0.25, 100
NO_STARS = 0.15  # of the density beside: nothing is opaque but what is near; dark clouds of the Milky Way leave a third


def measure_coverage(scan: Scan, background: Background, stars: StarList, shape_px: tuple[int, int]) -> Coverage | None:
    """Cells without stars and the step of the background into them; ``None`` when neither witness can say anything."""
    if background.inside is not None:
        return None  # the horizon of an all-sky frame is lined with trees
    found = (
        _dark_side(scan, background, stars, shape_px)
        or _shade(scan, background, stars, shape_px)
        or _poor_side(scan, background, stars, shape_px)
    )
    if found is not None:
        return found
    empty = _empty_cells(scan, background, stars, shape_px)
    if empty is not None and empty.cells:
        return empty
    return _edge_of_the_sky(scan, background, stars, shape_px) or empty


def _shade(scan: Scan, background: Background, stars: StarList, shape_px: tuple[int, int]) -> Coverage | None:
    """A side that is darker than the opposite one, with proof by stars or by its edge."""
    shade = shaded_side(background)
    if shade is None:
        return None
    inside, opposite = _as_bright(shade.cells, shade.opposite, background, stars, shape_px)
    limit, levels = _otsu(background.level)
    proof = proof_of_shade(shade, inside, opposite, levels)
    is_proven = proof == "stars" and _are_stars(stars)
    if proof is None or (proof == "stars" and not is_proven and levels < PLAIN_LEVELS):
        return None  # knots of a nebula prove nothing, and dark beside it is the sky
    lost = max(shade.light_loss, 1.0 - inside / opposite if opposite else 0.0)
    cells = background.level < limit if shade.is_beyond else shade.cells
    return Coverage(
        float(cells.mean()) * lost,
        shade.step_noises * _raw_sigmas(scan),
        cells_of(cells),
        background.level.shape[0],
        background.level.shape[1],
        light_loss=shade.light_loss,
        is_proven=is_proven,
    )


def _poor_side(scan: Scan, background: Background, stars: StarList, shape_px: tuple[int, int]) -> Coverage | None:
    """A side with far fewer stars than any part of the rest, and another sky."""
    height, width = shape_px
    row, column = _cell_of(stars, shape_px, background.level.shape)
    quietest = float(stars.snr.min(initial=np.inf))
    # where there is less noise fainter stars are found: they are left out
    bright = stars.snr * background.noise[row, column] >= quietest * float(np.quantile(background.noise, NOISIEST))
    side = poor_side((stars.x_px[bright] + 0.5) / width - 0.5, (stars.y_px[bright] + 0.5) / height - 0.5)
    if side is None:
        return None
    rows, columns = background.level.shape
    y, x = (np.arange(rows)[:, None] + 0.5) / rows - 0.5, (np.arange(columns)[None, :] + 0.5) / columns - 0.5
    cells = side.holds(np.broadcast_to(x, (rows, columns)), np.broadcast_to(y, (rows, columns)))
    step = float(np.median(background.level[cells]) - np.median(background.level[~cells]))
    step *= _raw_sigmas(scan)
    noise = background.noise.astype(np.float64) ** 2
    loss = 1.0 - float(np.median(noise[cells])) / max(float(np.median(noise[~cells])), 1e-6)
    if abs(step) < OTHER_SKY_SIGMA:
        return None
    proven = side.star_ratio <= NO_STARS and loss >= MIN_LOSS and _are_stars(stars)
    if not proven:
        edge = sky_edge(background.level)
        if edge is not None and edge.explained < EDGE_HINTS:
            return None  # stars drown in a bright nebula, too; what stands before the field leaves an edge
    missing = side.share * (1.0 - min(side.star_ratio, 1.0))
    return Coverage(missing, step, cells_of(cells), rows, columns, light_loss=max(loss, 0.0), is_proven=proven)


def _edge_of_the_sky(scan: Scan, background: Background, stars: StarList, shape_px: tuple[int, int]) -> Coverage | None:
    """The darker side of a straight edge, or of two levels of any border: a question, whatever the stars say."""
    dark = _side_of_edge(scan, background)
    if dark is None:
        dark = _side_of_levels(scan, background)
    if dark is None:
        return None
    share, noise = float(dark.mean()), background.noise.astype(np.float64) ** 2
    loss = 1.0 - float(np.median(noise[dark])) / max(float(np.median(noise[~dark])), 1e-6)
    inside, beside = _as_bright(dark, ~dark, background, stars, shape_px)
    expected = beside * share / (1.0 - share)
    if loss >= NEARLY_ALL and expected >= ENOUGH_STARS and inside > FEWER_STARS * expected:
        return None  # what takes so much light takes stars, too: beyond the edge a nebula shines
    lost = max(loss, 1.0 - inside / expected if expected > 0.0 else 0.0, LEAST_LOST)
    step = float(np.median(background.level[dark]) - np.median(background.level[~dark])) * _raw_sigmas(scan)
    rows, columns = dark.shape
    cells, loss = cells_of(dark), min(max(loss, 0.0), 1.0)
    return Coverage(share * lost, step, cells, rows, columns, light_loss=loss, is_proven=False)


def _side_of_edge(scan: Scan, background: Background) -> NDArray[np.bool_] | None:
    """The darker side of the best straight edge through the mesh, where it explains enough of the sky."""
    edge = sky_edge(background.level)
    if edge is None or edge.explained < EDGE_EXPLAINS or abs(edge.step) * _raw_sigmas(scan) < OTHER_SKY_SIGMA:
        return None
    may_be_glow = edge.bright_share < GLOW_SHARE and not edge.is_sharp
    if edge.rise > (EVEN_BY_A_GLOW if may_be_glow else EVEN_BESIDE):
        return None
    rows, columns = background.level.shape
    y, x = (np.arange(rows)[:, None] + 0.5) / rows - 0.5, (np.arange(columns)[None, :] + 0.5) / columns - 0.5
    beyond = edge.beyond(np.broadcast_to(x, (rows, columns)), np.broadcast_to(y, (rows, columns)))
    dark = ~beyond if edge.step > 0.0 else beyond
    return dark if dark.any() and not dark.all() else None


def _side_of_levels(scan: Scan, background: Background) -> NDArray[np.bool_] | None:
    """The darker of two levels with a step between, neither of which lies amid the other."""
    level = background.level
    if min(level.shape) < MIN_CELLS:
        return None
    limit, explained = _otsu(level)
    dark, bright = largest_region(level < limit), largest_region(level >= limit)
    if explained < PLAIN_TWO_LEVELS or min(dark.mean(), bright.mean()) < LEAST_LEVEL_SHARE:
        return None
    step = float(np.median(level[bright]) - np.median(level[dark])) * _raw_sigmas(scan)
    both_at_borders = min(borders_touched(dark), borders_touched(bright)) >= 2
    return dark if both_at_borders and step >= OTHER_SKY_SIGMA else None


def _are_stars(stars: StarList) -> bool:
    """Whether enough of what was found has the shape of a star: most knots of a bright nebula have not."""
    return len(stars.shapes.fwhm_px) >= min(SHAPED_SHARE * len(stars.x_px), ENOUGH_SHAPES)


def _dark_side(scan: Scan, background: Background, stars: StarList, shape_px: tuple[int, int]) -> Coverage | None:
    """A dark part with an edge that comes in from the border and has fewer stars than chance would leave it."""
    if min(background.level.shape) < GRID:
        return None
    level = cv2.resize(background.level, (GRID, GRID), interpolation=cv2.INTER_AREA).astype(np.float32, copy=False)
    limit, explained = _otsu(level)
    dark = largest_region(level < limit)
    share = float(dark.mean())
    bright_level, dark_level = float(np.median(level[~dark])), float(np.median(level[dark])) if dark.any() else 0.0
    step = (dark_level - bright_level) * _raw_sigmas(scan)
    if explained < TWO_LEVELS or not MIN_SIDE_SHARE < share < MAX_SIDE_SHARE or -step < MIN_STEP_SIGMA:
        return None
    if borders_touched(dark) not in (1, 2, 3):
        return None  # a nebula has dark on all sides, a galaxy's surroundings too
    count = _on_grid(stars, shape_px, GRID)
    inside, outside = int(count[dark].sum()), int(count[~dark].sum())
    expected = outside * share / (1.0 - share)
    if inside > FEWER_STARS * expected or _poisson_below(inside, expected) > CHANCE:
        return None
    missing = share * (1.0 - inside / expected)
    return Coverage(missing, step, cells_of(dark), GRID, GRID)


def _as_bright(
    dark: NDArray[np.bool_],
    beside: NDArray[np.bool_],
    background: Background,
    stars: StarList,
    shape_px: tuple[int, int],
) -> tuple[int, int]:
    """(stars in ``dark``, stars in ``beside``: cells of the mesh), of those that would be found on either side.

    In the shade there is less noise, so that fainter stars are found: they are left out.
    """
    row, column = _cell_of(stars, shape_px, background.level.shape)
    height = stars.snr * background.noise[row, column]
    bright = height >= float(stars.snr.min(initial=np.inf)) * float(np.median(background.noise[beside]))
    return int((bright & dark[row, column]).sum()), int((bright & beside[row, column]).sum())


def _otsu(values: NDArray[np.float32]) -> tuple[float, float]:
    """(threshold between two classes, share of the variance between them); Otsu 1979, IEEE Trans. SMC 9, 62."""
    ordered = np.sort(values.ravel()).astype(np.float64)
    n = len(ordered)
    count = np.arange(1, n)
    below = np.cumsum(ordered)[:-1] / count
    above = (ordered.sum() - np.cumsum(ordered)[:-1]) / (n - count)
    between = count * (n - count) / n**2 * (above - below) ** 2
    best = int(between.argmax())
    return float(ordered[best] + ordered[best + 1]) / 2.0, float(between[best] / max(ordered.var(), 1e-12))


def _poisson_below(found: int, expected: float) -> float:
    """Probability of ``found`` or fewer where ``expected`` are due."""
    logs = [k * math.log(max(expected, 1e-9)) - expected - math.lgamma(k + 1) for k in range(found + 1)]
    return min(sum(math.exp(log) for log in logs), 1.0)


def _on_grid(stars: StarList, shape_px: tuple[int, int], side: int) -> NDArray[np.intp]:
    return _on_mesh(stars, shape_px, (side, side))


def _on_mesh(stars: StarList, shape_px: tuple[int, int], mesh: tuple[int, int]) -> NDArray[np.intp]:
    """How many stars are in each cell of a mesh of so many rows and columns."""
    row, column = _cell_of(stars, shape_px, mesh)
    return np.bincount(row * mesh[1] + column, minlength=mesh[0] * mesh[1]).reshape(mesh)


def _cell_of(
    stars: StarList, shape_px: tuple[int, int], mesh: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(row, column) of the cell of each star."""
    (height, width), (rows, columns) = shape_px, mesh
    row = (stars.y_px * rows / height).astype(np.intp).clip(0, rows - 1)
    column = (stars.x_px * columns / width).astype(np.intp).clip(0, columns - 1)
    return row, column


def _empty_cells(scan: Scan, background: Background, stars: StarList, shape_px: tuple[int, int]) -> Coverage | None:
    """Connected cells almost without stars; ``None`` with under 110 stars."""
    side = int(min(np.sqrt(len(stars.x_px) / STARS_PER_CELL), MAX_CELLS_A_SIDE))
    if side < MIN_CELLS_A_SIDE:
        return None
    grid = _on_grid(stars, shape_px, side)
    level = cv2.resize(background.level, (side, side), interpolation=cv2.INTER_AREA)
    missing = large_regions(grid < MISSING_SHARE * float(np.median(grid)), MIN_REGION_CELLS)
    step = 0.0
    if missing.any() and (~missing).any():
        step = float(np.median(level[missing]) - np.median(level[~missing])) * _raw_sigmas(scan)
    return Coverage(float(missing.mean()), step, cells_of(missing), side, side)


def _raw_sigmas(scan: Scan) -> float:
    """Noise of a map pixel in units of that of a raw pixel."""
    return scan.sigma_adu / scan.raw_noise_adu if scan.raw_noise_adu > 0.0 else 1.0
