"""Where Sun and Moon stand: why a sky is bright, in words. By astropy, offline; asked only for bright skies.

And through how much air a target was seen: asked for every frame, so without astropy.
"""

import math
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SHORTLY_S = 600.0  # in which the altitude of what rises grows by up to two degrees
TWILIGHT_DEG = -18.0  # Sun higher than this: astronomical twilight
LIT_ENOUGH = 0.1  # a thinner crescent does not light a sky
LOWEST_DEG = 10.0  # nearer the horizon nobody images, and a header that says so has its place or its clock wrong
J2000 = datetime(2000, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class SkyBodies:
    """Altitudes above the horizon without refraction, good to a tenth of a degree."""

    sun_altitude_deg: float
    moon_altitude_deg: float
    moon_lit: float  # share of the disc, 0..1
    sun_is_rising: bool
    moon_is_rising: bool  # until it culminates


@lru_cache(maxsize=256)  # looking back on a night asks for each frame again
def sky_bodies(at: datetime, latitude_deg: float, longitude_deg: float) -> SkyBodies:
    """Sun and Moon at ``at`` (aware) over a place (east and north positive). Never asks the network.

    Its first call costs half a second and 40 MB of imports: only bright skies have to pay them.
    """
    with warnings.catch_warnings():
        # a service without a home folder; times beyond the table of the Earth's rotation, a second of arc here
        warnings.simplefilter("ignore")
        return _bodies(at, latitude_deg, longitude_deg)


def _bodies(at: datetime, latitude_deg: float, longitude_deg: float) -> SkyBodies:
    import astropy.units as u  # noqa: PLC0415
    from astropy.coordinates import AltAz, EarthLocation, get_body  # noqa: PLC0415
    from astropy.time import Time  # noqa: PLC0415
    from astropy.utils import iers  # noqa: PLC0415

    with (
        iers.conf.set_temp("auto_download", False),
        iers.conf.set_temp("auto_max_age", None),  # a table that nobody has renewed for years is good to arcminutes
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
    ):
        moments = [at.astimezone(UTC).replace(tzinfo=None) + timedelta(seconds=later) for later in (0.0, SHORTLY_S)]
        time = Time(moments, scale="utc")
        place = EarthLocation(lat=latitude_deg * u.deg, lon=longitude_deg * u.deg)
        frame = AltAz(obstime=time, location=place)
        sun, moon = get_body("sun", time, place), get_body("moon", time, place)
        apart = float(sun[0].separation(moon[0], origin_mismatch="ignore").radian)
        altitudes = [[float(alt) for alt in body.transform_to(frame).alt.deg] for body in (sun, moon)]
    (sun_now, sun_then), (moon_now, moon_then) = altitudes
    return SkyBodies(sun_now, moon_now, (1.0 - math.cos(apart)) / 2.0, sun_then > sun_now, moon_then > moon_now)


def airmass_of(at: datetime, latitude_deg: float, longitude_deg: float, ra_deg: float, dec_deg: float) -> float | None:
    """Airmass of a target at ``at`` (aware) over a place (east and north positive), good to a hundredth from 20 degrees
    of altitude up; ``None`` below 10.

    Sidereal time is the linear part of the IAU 1982 expression (Aoki et al. 1982, A&A 105, 359), the airmass that of
    Pickering (2002, DIO 12, 3). Precession since 2000 and nutation are left out: half a degree in this century.
    """
    days = (at - J2000).total_seconds() / 86_400.0
    hour_angle = math.radians(280.46061837 + 360.98564736629 * days + longitude_deg - ra_deg)
    latitude, dec = math.radians(latitude_deg), math.radians(dec_deg)
    sine = math.sin(latitude) * math.sin(dec) + math.cos(latitude) * math.cos(dec) * math.cos(hour_angle)
    altitude_deg = math.degrees(math.asin(min(max(sine, -1.0), 1.0)))
    if altitude_deg < LOWEST_DEG:
        return None
    return max(1.0 / math.sin(math.radians(altitude_deg + 244.0 / (165.0 + 47.0 * altitude_deg**1.1))), 1.0)


def light_in_the_sky(bodies: SkyBodies) -> str:
    """Which of the two lights the sky, and whether it rises, or that neither does."""
    if bodies.sun_altitude_deg > TWILIGHT_DEG:
        return f"twilight (Sun {bodies.sun_altitude_deg:.0f} deg, {_course_of(is_rising=bodies.sun_is_rising)})"
    if _has_moon(bodies):
        how = f"{bodies.moon_lit:.0%} lit, {bodies.moon_altitude_deg:.0f} deg high"
        return f"the Moon ({how}, {_course_of(is_rising=bodies.moon_is_rising)})"
    return "neither Moon nor twilight"


def cause_of_light(bodies: SkyBodies) -> str | None:
    """What a sky that has become brighter is called: only what rises makes it so."""
    if bodies.sun_altitude_deg > TWILIGHT_DEG:
        return "dawn" if bodies.sun_is_rising else None
    return "moonrise" if _has_moon(bodies) and bodies.moon_is_rising else None


def _has_moon(bodies: SkyBodies) -> bool:
    return bodies.moon_altitude_deg > 0.0 and bodies.moon_lit >= LIT_ENOUGH


def _course_of(*, is_rising: bool) -> str:
    return "rising" if is_rising else "sinking"
