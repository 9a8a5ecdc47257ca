"""Where Sun and Moon stand: why a sky is bright, in words. By astropy, offline; asked only for bright skies."""

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

TWILIGHT_DEG = -18.0  # Sun higher than this: astronomical twilight
LIT_ENOUGH = 0.1  # a thinner crescent does not light a sky


@dataclass(frozen=True, slots=True)
class SkyBodies:
    """Altitudes above the horizon without refraction, good to a tenth of a degree."""

    sun_altitude_deg: float
    moon_altitude_deg: float
    moon_lit: float  # share of the disc, 0..1


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
    import numpy as np  # noqa: PLC0415
    from astropy.coordinates import AltAz, EarthLocation, get_body  # noqa: PLC0415
    from astropy.time import Time  # noqa: PLC0415
    from astropy.utils import iers  # noqa: PLC0415

    with (
        iers.conf.set_temp("auto_download", False),
        # the table is as old as the installation: after a month astropy would refuse, for a second of arc
        iers.conf.set_temp("auto_max_age", None),
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
    ):
        time = Time(at.astimezone(UTC).replace(tzinfo=None), scale="utc")
        place = EarthLocation(lat=latitude_deg * u.deg, lon=longitude_deg * u.deg)
        frame = AltAz(obstime=time, location=place)
        sun, moon = get_body("sun", time, place), get_body("moon", time, place)
        apart = sun.separation(moon, origin_mismatch="ignore").radian
        altitudes = [float(body.transform_to(frame).alt.deg) for body in (sun, moon)]
    return SkyBodies(altitudes[0], altitudes[1], float((1.0 - np.cos(apart)) / 2.0))


def light_in_the_sky(bodies: SkyBodies) -> str:
    """Which of the two lights the sky, or that neither does."""
    if bodies.sun_altitude_deg > TWILIGHT_DEG:
        return f"twilight (Sun {bodies.sun_altitude_deg:.0f} deg)"
    if bodies.moon_altitude_deg > 0.0 and bodies.moon_lit >= LIT_ENOUGH:
        return f"the Moon ({bodies.moon_lit:.0%} lit, {bodies.moon_altitude_deg:.0f} deg high)"
    return "neither Moon nor twilight"
