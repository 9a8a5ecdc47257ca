"""Sun, Moon and targets stand where the almanac has them, without a network."""

from datetime import UTC, datetime, timedelta

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from nebulift.almanac import SkyBodies, airmass_of, cause_of_light, light_in_the_sky, sky_bodies


def test_the_full_moon_of_january_2024_stands_high_over_germany():
    """Full at 17:54 UTC of the 25th (USNO); in Cancer, it culminates about midnight."""
    bodies = sky_bodies(datetime(2024, 1, 25, 22, 0, tzinfo=UTC), 50.0, 10.0)
    assert bodies.moon_lit > 0.99
    assert 50.0 < bodies.moon_altitude_deg < 65.0
    assert bodies.moon_is_rising
    assert not bodies.sun_is_rising
    assert bodies.sun_altitude_deg < -50.0


def test_the_sun_of_an_equinox_stands_overhead_at_noon_on_the_equator():
    bodies = sky_bodies(datetime(2024, 3, 20, 12, 7, tzinfo=UTC), 0.0, 0.0)
    assert bodies.sun_altitude_deg == pytest.approx(90.0, abs=0.5)


@pytest.mark.parametrize("year", [1950, datetime.now(UTC).year + 2, 2050])
def test_years_without_earth_rotation_tables_are_no_trouble(year):
    """The table is as old as the installation and ends a year later: on a mountain nobody renews it."""
    assert -90.0 <= sky_bodies(datetime(year, 6, 1, tzinfo=UTC), -30.0, 150.0).moon_altitude_deg <= 90.0


@pytest.mark.parametrize(
    ("bodies", "light"),
    [
        (SkyBodies(-12.0, 40.0, 0.9, True, False), ("dawn", "twilight (Sun -12 deg, rising)")),
        (SkyBodies(-12.0, 40.0, 0.9, False, True), (None, "twilight (Sun -12 deg, sinking)")),
        (SkyBodies(-40.0, 31.0, 0.82, True, True), ("moonrise", "the Moon (82% lit, 31 deg high, rising)")),
        (SkyBodies(-40.0, 31.0, 0.82, True, False), (None, "the Moon (82% lit, 31 deg high, sinking)")),
        (SkyBodies(-40.0, -5.0, 1.0, True, True), (None, "neither Moon nor twilight")),
        (SkyBodies(-40.0, 30.0, 0.02, True, True), (None, "neither Moon nor twilight")),
    ],
)
def test_what_lights_the_sky_is_named(bodies, light):
    assert (cause_of_light(bodies), light_in_the_sky(bodies)) == light


@pytest.mark.filterwarnings("ignore")  # times beyond the table of the Earth's rotation
def test_the_airmass_is_that_of_astropy():
    rng = np.random.default_rng(5)
    compared = 0
    for _ in range(60):
        at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=float(rng.uniform(0.0, 700.0)))
        latitude, longitude, ra, dec = (float(rng.uniform(-h, h)) for h in (70.0, 180.0, 180.0, 80.0))
        with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("auto_max_age", None):
            place = EarthLocation(lat=latitude * u.deg, lon=longitude * u.deg)
            seen = SkyCoord(ra * u.deg, dec * u.deg).transform_to(AltAz(obstime=Time(at), location=place))
        found = airmass_of(at, latitude, longitude, ra % 360.0, dec)
        if seen.alt.deg < 9.5:
            assert found is None
        elif seen.alt.deg > 20.0:
            assert found == pytest.approx(float(seen.secz), rel=0.03)
            compared += 1
    assert compared > 15
