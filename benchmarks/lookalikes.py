"""Frames without a trail that hold what is mistaken for one: ``LOOKALIKES[name](seed)`` gives (pixels, Bayer or None).

Each draws its own strength, place and direction from the seed, from hardly visible to glaring.
"""

from dataclasses import replace

import cv2
import numpy as np

from nebulift.simulate.charge import bleed_columns
from nebulift.simulate.psf import StarShape
from nebulift.simulate.readout_faults import Fault, apply_fault
from nebulift.simulate.sensor import FixedPattern, digitised, fixed_pattern
from nebulift.simulate.star_field import PERFECT, PERFECT_OPTICS
from nebulift.simulate.star_painting import Stars, paint_stars
from nebulift.simulate.tracking import drift
from nebulift.simulate.turbulence import ridges, turbulence

HEIGHT, WIDTH = 1200, 1600
SKY_E = 1000.0
NOISE_E = (SKY_E + PERFECT.read_noise_e**2) ** 0.5
FWHM_PX = 3.0
BODY = replace(PERFECT, width_px=WIDTH, height_px=HEIGHT)


def rng_of(name, seed):
    return np.random.default_rng([seed, *name.encode()])


def sky(rng, *, telescope=PERFECT_OPTICS, track=None, burnt=0, density=200.0):
    """Electrons of a field of stars, ``burnt`` of them far too bright."""
    count = rng.poisson(density * HEIGHT * WIDTH / 1e6)
    flux = 300.0 * NOISE_E * rng.random(count) ** -1.25 / 10.0
    flux = np.concatenate([np.minimum(flux, 1e6), 10 ** rng.uniform(6.5, 8.0, burnt)]).astype(np.float32)
    x, y = rng.uniform(0, WIDTH, len(flux)), rng.uniform(0, HEIGHT, len(flux))
    light = np.full((HEIGHT, WIDTH), SKY_E, np.float32)
    stars = Stars(x.astype(np.float32), y.astype(np.float32), flux, np.ones((len(flux), 3), np.float32))
    paint_stars(light, stars, StarShape(FWHM_PX, telescope, track), NOISE_E)
    return light


def recorded(light, rng, camera=BODY):
    plain = FixedPattern(np.ones((1, 1), np.float32), None, np.zeros(0, np.int64), np.zeros(0, np.float32),
                         np.zeros(light.shape[1], np.float32), ())  # fmt: skip
    return digitised(light, camera, plain, rng)


def grid():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return x, y


def diffraction_spikes(seed):
    rng = rng_of("spikes", seed)
    share, arms, angle = rng.uniform(0.005, 0.04), int(rng.choice([4, 6])), rng.uniform(0.0, 90.0)
    optics = replace(PERFECT_OPTICS, spikes=arms, spike_share=share, spike_angle_deg=angle, scatter_share=0.01)
    return recorded(sky(rng, telescope=optics, burnt=int(rng.integers(1, 4))), rng), None


def bleeding_columns(seed):
    rng = rng_of("bleeding", seed)
    light = sky(rng, burnt=int(rng.integers(1, 4)))
    bleed_columns(light, 40_000.0)
    return recorded(light, rng), None


def hot_lines(seed):
    """Rows or columns that are brighter, whole or in part."""
    rng = rng_of("hot", seed)
    pixels = recorded(sky(rng), rng).astype(np.float64)
    for _ in range(rng.integers(1, 6)):
        lines = pixels if rng.random() < 0.5 else pixels.T
        start = 0 if rng.random() < 0.4 else int(rng.uniform(0.0, 0.8) * lines.shape[1])
        stop = lines.shape[1] if rng.random() < 0.5 else int(rng.uniform(start + 40, lines.shape[1]))
        lines[rng.integers(lines.shape[0]), start:stop] += NOISE_E * 10 ** rng.uniform(-0.5, 2.0)
    return np.rint(pixels.clip(0, 65535)).astype(np.uint16), None


def row_banding(seed):
    rng = rng_of("banding", seed)
    pixels = recorded(sky(rng), rng)
    fault = Fault("bands", float(rng.uniform(0.2, 1.0)), float(10 ** rng.uniform(-0.7, 0.7)), 5, seed)
    apply_fault(pixels, fault, NOISE_E, 65535)
    return (pixels if rng.random() < 0.6 else np.ascontiguousarray(pixels[:, :])), None


def mosaic_unannounced(seed):
    """A mosaic of uneven colours; in half of the frames the header does not say so."""
    rng = rng_of("mosaic", seed)
    light = sky(rng)
    for (row, column), gain in zip(((0, 0), (0, 1), (1, 0), (1, 1)), rng.uniform(0.4, 1.6, 4), strict=True):
        light[row::2, column::2] *= np.float32(gain)
    return recorded(light, rng), "RGGB" if seed % 2 else None


def amplifier_glow(seed):
    rng = rng_of("glow", seed)
    camera = replace(BODY, amp_glow_e_s=float(10 ** rng.uniform(1.0, 3.5)), serial=seed)
    light = sky(rng) + fixed_pattern(camera).glow_e_s
    return recorded(light.astype(np.float32), rng), None


def edge_on_galaxies(seed):
    rng = rng_of("edge", seed)
    x, y = grid()
    light = sky(rng)
    for _ in range(rng.integers(1, 3)):
        angle, length = rng.uniform(0.0, np.pi), 10 ** rng.uniform(1.2, 2.2)
        dx, dy = x - rng.uniform(0.2, 0.8) * WIDTH, y - rng.uniform(0.2, 0.8) * HEIGHT
        along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
        height = NOISE_E * 10 ** rng.uniform(-0.3, 1.8)
        thickness = max(length * rng.uniform(0.06, 0.15), 1.5)
        light += (height * np.exp(-np.abs(along) / length - np.abs(across) / thickness)).astype(np.float32)
        core = np.exp(-0.5 * (along**2 + 2.0 * across**2) / (0.2 * length) ** 2)
        light += (rng.uniform(0.0, 2.0) * height * core).astype(np.float32)
    return recorded(light, rng), None


def nebula_filaments(seed):
    rng = rng_of("filaments", seed)
    fine = ridges(turbulence(rng, (HEIGHT, WIDTH), rng.uniform(3.2, 4.2)), rng.uniform(5.0, 20.0))
    patches = np.clip(turbulence(rng, (HEIGHT, WIDTH), 3.6) + 0.4, 0.0, 2.0)
    return recorded(sky(rng) + (NOISE_E * 10 ** rng.uniform(-0.3, 1.3) * fine * patches).astype(np.float32), rng), None


def curved_filaments(seed):
    """Thin shells and fronts of a nebula: lines that are straight over a part of their way, bright in patches."""
    rng = rng_of("fronts", seed)
    x, _ = grid()
    soft, patches = (
        cv2.GaussianBlur(rng.standard_normal(x.shape).astype(np.float32), (0, 0), rng.uniform(*scales_px))
        for scales_px in ((40.0, 150.0), (15.0, 60.0))
    )
    soft, patches = soft / soft.std(), patches / patches.std()
    steepness = np.maximum(np.hypot(*np.gradient(soft)), 1e-4)
    front = np.exp(-0.5 * (soft / steepness / rng.uniform(1.5, 8.0)) ** 2) * np.clip(1.0 + patches, 0.0, 2.0)
    height = NOISE_E * np.exp(rng.uniform(np.log(0.3), np.log(2.0)))
    return recorded(sky(rng, density=100.0) + np.float32(height) * front, rng), None


def trailed_stars(seed):
    rng = rng_of("trailed", seed)
    track = drift(float(10 ** rng.uniform(0.8, 1.8)), float(rng.uniform(0.0, 180.0)))
    return recorded(sky(rng, track=track, density=float(10 ** rng.uniform(1.5, 3.0))), rng), None


def vignetted_corners(seed):
    rng = rng_of("corners", seed)
    x, y = grid()
    r2 = ((x / WIDTH - rng.uniform(0.4, 0.6)) ** 2 + (y / HEIGHT - rng.uniform(0.4, 0.6)) ** 2) * 2.0
    passing = 1.0 - rng.uniform(0.2, 0.85) * r2 ** rng.uniform(1.0, 3.0)
    return recorded(sky(rng) * np.maximum(passing, 0.05).astype(np.float32), rng), None


def dither_borders(seed):
    """The mean of some frames that were shifted and turned a little: fewer frames, another level along the borders."""
    rng = rng_of("dither", seed)
    x, y = grid()
    frames = int(rng.integers(3, 9))
    weight = np.zeros((HEIGHT, WIDTH), np.float32)
    for _ in range(frames):
        slope = rng.normal(0.0, 0.01)
        left, top, right, bottom = np.maximum(rng.normal(0.0, 20.0, 4), 0.0)
        weight += ((x > left + slope * y) & (y > top - slope * x) & (x < WIDTH - 1 - right + slope * y)
                   & (y < HEIGHT - 1 - bottom - slope * x))  # fmt: skip
    mean = sky(rng) + rng.normal(0.0, NOISE_E / np.sqrt(np.maximum(weight, 1.0)))
    level = 200.0 + mean * weight / frames if rng.random() < 0.5 else np.where(weight > 0, 200.0 + mean, 0.0)
    return np.rint(level.clip(0, 65535)).astype(np.uint16), None


def edge_residues(seed):
    """Glow and ramps along the borders, overscan strips, a last row of another level."""
    rng = rng_of("residues", seed)
    x, y = grid()
    light = sky(rng)
    for distance in (x, WIDTH - 1 - x, y, HEIGHT - 1 - y):
        if rng.random() < 0.6:
            light += (NOISE_E * 10 ** rng.uniform(-0.5, 1.5) * np.exp(-distance / 10 ** rng.uniform(0.3, 1.8))).astype(
                np.float32
            )
    pixels = recorded(light, rng)
    if rng.random() < 0.5:
        pixels[:, : rng.integers(1, 24)] = int(rng.uniform(150.0, 1300.0))
    return pixels, None


def comet_tails(seed):
    """A coma and a straight gas tail that opens and fades away from it."""
    rng = rng_of("comet", seed)
    x, y = grid()
    angle, length = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(150.0, 800.0)
    dx, dy = x - rng.uniform(0.2, 0.8) * WIDTH, y - rng.uniform(0.2, 0.8) * HEIGHT
    along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
    width = rng.uniform(3.0, 10.0) + np.maximum(along, 0.0) * rng.uniform(0.02, 0.12)
    tail = np.where(along > 0.0, np.exp(-along / length - 0.5 * (across / width) ** 2), 0.0)
    coma = rng.uniform(2.0, 20.0) / (1.0 + np.hypot(along, across) / rng.uniform(5.0, 25.0)) ** 2
    return recorded(sky(rng) + (NOISE_E * 10 ** rng.uniform(0.0, 1.3) * (tail + coma)).astype(np.float32), rng), None


def fanned_tails(seed):
    """A bright coma and a tail of several rays, each of which opens and fades away from it."""
    rng = rng_of("fanned tail", seed)
    x, y = grid()
    dx, dy = x - rng.uniform(0.3, 0.7) * WIDTH, y - rng.uniform(0.3, 0.7) * HEIGHT
    distance = np.hypot(dx, dy)
    light = rng.uniform(5.0, 20.0) / (1.0 + distance / rng.uniform(15.0, 40.0)) ** 2
    first, length = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(300.0, 1000.0)
    for number in range(int(rng.integers(4, 8))):
        angle = first + number * np.radians(rng.uniform(7.0, 11.0))
        along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
        width = 4.0 + np.maximum(along, 0.0) * rng.uniform(0.02, 0.05)
        ray = np.where(along > 0.0, np.exp(-along / length - 0.5 * (across / width) ** 2), 0.0)
        light = light + rng.uniform(0.5, 1.0) * ray
    return recorded(sky(rng) + (NOISE_E * 10 ** rng.uniform(0.0, 0.7) * light).astype(np.float32), rng), None


def spectra(seed):
    """Through a grating each bright star is a line along one direction, with gaps; in a spectrograph all are rows."""
    rng = rng_of("spectra", seed)
    x, y = grid()
    light = sky(rng)
    tilt = float(rng.choice([0.0, rng.normal(0.0, 0.002), rng.normal(0.0, 0.02)]))
    spacing = rng.uniform(15.0, 80.0)
    row = (y - tilt * x) / spacing
    order = np.floor(row)
    height = NOISE_E * 10 ** rng.uniform(-0.5, 1.5) * (0.5 + 0.5 * np.cos(1.7 * order + x / rng.uniform(40.0, 400.0)))
    return recorded(
        light + (height * np.exp(-0.5 * ((row - order - 0.5) * spacing / 1.5) ** 2)).astype(np.float32), rng
    ), None


def grating_spectra(seed):
    """Through a grating before the sensor: each star and, at one distance in one direction, its light drawn out."""
    rng = rng_of("grating", seed)
    light = sky(rng)
    angle, begin, length = rng.uniform(0.0, np.pi), rng.uniform(60.0, 200.0), rng.uniform(120.0, 400.0)
    cos, sin = np.cos(angle), np.sin(angle)
    y, x = np.mgrid[-4:5, -4:5]
    profile = np.exp(-0.5 * (x**2 + y**2) / 1.5**2) / (1.5**2 * 2.0 * np.pi)
    brightest = NOISE_E * 10 ** rng.uniform(0.0, 1.5)  # of the spectrum's ridge
    places = np.arange(0.0, length, 0.5)
    # the colour of the star and lines in it: it rises, falls, and has gaps
    shape = np.sin(np.pi * np.minimum(places / length, 1.0)) ** rng.uniform(0.3, 1.5) * (
        1.0 - 0.7 * (np.abs(places / length - rng.uniform(0.2, 0.8)) < 0.02)
    )
    for number in range(int(rng.integers(4, 14))):
        column, row = rng.uniform(-0.1, 1.1) * WIDTH, rng.uniform(-0.1, 1.1) * HEIGHT
        height = brightest * rng.random() ** 1.5 if number else brightest
        disc = np.hypot(*np.meshgrid(np.arange(WIDTH) - column, np.arange(HEIGHT) - row))
        light += (60.0 * height * np.exp(-0.5 * (disc / 1.3) ** 2)).astype(np.float32)
        for place, share in zip(places + begin, shape, strict=True):
            at_x, at_y = round(column + place * cos), round(row + place * sin)
            if 4 <= at_x < WIDTH - 4 and 4 <= at_y < HEIGHT - 4:
                light[at_y - 4 : at_y + 5, at_x - 4 : at_x + 5] += (height * share * 1.9 * profile).astype(np.float32)
    return recorded(light, rng), None


def dust_donuts(seed):
    """Shadows of dust before the sensor, and what a flat that does not fit leaves of them."""
    rng = rng_of("dust", seed)
    x, y = grid()
    light = sky(rng)
    for _ in range(rng.integers(3, 25)):
        away = np.hypot(x - rng.uniform(0.0, WIDTH), y - rng.uniform(0.0, HEIGHT))
        outer = rng.uniform(8.0, 90.0)
        inner, depth = outer * rng.uniform(0.3, 0.6), rng.uniform(-0.1, 0.25)
        light *= (1.0 - depth * ((away < outer) & (away > inner))).astype(np.float32)
    return recorded(light, rng), None


def ghosts_and_arcs(seed):
    """Reflections of a bright star: discs with an edge, and arcs of large radius."""
    rng = rng_of("ghosts", seed)
    x, y = grid()
    light = sky(rng, burnt=1)
    for _ in range(rng.integers(1, 5)):
        away = np.hypot(x - rng.uniform(0.0, WIDTH), y - rng.uniform(0.0, HEIGHT))
        light += (NOISE_E * 10 ** rng.uniform(-0.5, 0.8) * (away < rng.uniform(40.0, 300.0))).astype(np.float32)
    radius, angle = rng.uniform(500.0, 2500.0), rng.uniform(0.0, 2.0 * np.pi)
    middle = WIDTH / 2 + radius * np.cos(angle), HEIGHT / 2 + radius * np.sin(angle)
    away = np.hypot(x - middle[0], y - middle[1]) - radius
    arc = np.exp(-0.5 * (away / rng.uniform(4.0, 25.0)) ** 2)
    return recorded(light + (NOISE_E * 10 ** rng.uniform(-0.5, 0.8) * arc).astype(np.float32), rng), None


def spikes_from_outside(seed):
    """Spikes of a star beyond the border: they come in and fade with the square of the distance."""
    rng = rng_of("outside", seed)
    x, y = grid()
    light = sky(rng)
    side, beyond = int(rng.integers(4)), rng.uniform(5.0, 250.0)
    place = rng.uniform(0.1, 0.9)
    star = ((place * WIDTH, -beyond), (place * WIDTH, HEIGHT + beyond),
            (-beyond, place * HEIGHT), (WIDTH + beyond, place * HEIGHT))[side]  # fmt: skip
    arms, first = int(rng.choice([4, 6])), rng.uniform(0.0, np.pi)
    bright = NOISE_E * 10 ** rng.uniform(0.3, 2.0)
    for number in range(arms):
        angle = first + number * 2.0 * np.pi / arms
        along = (x - star[0]) * np.cos(angle) + (y - star[1]) * np.sin(angle)
        across = (y - star[1]) * np.cos(angle) - (x - star[0]) * np.sin(angle)
        fall = np.where(along > 0.0, 1.0 / (1.0 + along / 150.0) ** 2, 0.0)
        light += (bright * fall * np.exp(-0.5 * (across / 1.5) ** 2)).astype(np.float32)
    return recorded(light, rng), None


def cosmic_ray_tracks(seed):
    """Muons that come in flat: straight, a pixel wide, of even charge, mostly short."""
    rng = rng_of("cosmics", seed)
    light = sky(rng)
    for _ in range(rng.integers(20, 120)):
        length, angle = min(rng.exponential(25.0) + 2.0, 160.0), rng.uniform(0.0, np.pi)
        steps = np.arange(0.0, length, 0.5)
        column = (rng.uniform(0.0, WIDTH) + steps * np.cos(angle)).astype(int)
        row = (rng.uniform(0.0, HEIGHT) + steps * np.sin(angle)).astype(int)
        inside = (column >= 0) & (column < WIDTH) & (row >= 0) & (row < HEIGHT)
        light[row[inside], column[inside]] += np.float32(NOISE_E * 10 ** rng.uniform(0.5, 2.0))
    return recorded(light, rng), None


def globular_clusters(seed):
    """A globular cluster, whole or a part of one: stars by Plummer's law, few giants above very many faint ones."""
    rng = rng_of("globular", seed)
    side = int(rng.integers(160, 800))
    core, fwhm = side * rng.uniform(0.08, 0.5), rng.uniform(2.0, 5.0)
    count = int((side / fwhm) ** 2 * 10 ** rng.uniform(-1.0, 0.3))
    away = core * np.sqrt(1.0 / (1.0 / rng.uniform(0.0, 0.95, count) - 1.0))
    turn, middle = rng.uniform(0.0, 2.0 * np.pi, count), rng.uniform(0.2, 0.8, 2) * side
    x, y = middle[0] + away * np.cos(turn), middle[1] + away * np.sin(turn)
    faintest, tip = 10 ** rng.uniform(-0.3, 1.0), 10 ** rng.uniform(1.5, 3.0)
    flux = NOISE_E * fwhm * faintest * np.minimum(rng.random(count) ** (-1.0 / rng.uniform(0.7, 1.5)), tip)
    inside = (np.abs(x - side / 2) < side / 2 + 20.0) & (np.abs(y - side / 2) < side / 2 + 20.0)
    x, y, flux = (values[inside].astype(np.float32) for values in (x, y, flux))
    light = np.full((side, side), SKY_E, np.float32)
    paint_stars(light, Stars(x, y, flux, np.ones((len(flux), 3), np.float32)), StarShape(fwhm, PERFECT_OPTICS), NOISE_E)
    return recorded(light, rng, replace(BODY, width_px=side, height_px=side)), None


LOOKALIKES = {
    "diffraction spikes": diffraction_spikes,
    "bleeding columns": bleeding_columns,
    "hot rows and columns": hot_lines,
    "row banding": row_banding,
    "mosaic, announced or not": mosaic_unannounced,
    "amplifier glow": amplifier_glow,
    "edge-on galaxies": edge_on_galaxies,
    "filaments of nebulae": nebula_filaments,
    "curved filaments": curved_filaments,
    "trailed stars": trailed_stars,
    "vignetted corners": vignetted_corners,
    "dither borders": dither_borders,
    "residues along borders": edge_residues,
    "comet tails": comet_tails,
    "fanned tails": fanned_tails,
    "spectra": spectra,
    "spectra of a grating": grating_spectra,
    "dust": dust_donuts,
    "ghosts and arcs": ghosts_and_arcs,
    "spikes from outside": spikes_from_outside,
    "cosmic-ray tracks": cosmic_ray_tracks,
    "globular clusters": globular_clusters,
}
