"""Halos about the stars are measured where there are stars enough, and asked about where good optics have none."""

from dataclasses import replace

import numpy as np
import pytest
from skies import see
from test_assessment import GOOD

from nebulift.assessment import findings_of
from nebulift.findings import Kind
from nebulift.obstruction.halos import halo_share
from nebulift.simulate.optics import Telescope
from nebulift.simulate.psf import StarShape
from nebulift.simulate.star_painting import Stars, paint_stars

SIDE = 1200
LENS = Telescope("lens", 80.0, 400.0, beta=3.0)


def share_of(dew, stars=160, flux_e=60_000.0, fwhm_px=3.0):
    """The measured share in a field of stars that dew of that share makes halos of."""
    rng = np.random.default_rng(7)
    light = np.full((SIDE, SIDE), 300.0, np.float32)
    place = rng.uniform(0.0, SIDE, (stars, 2)).astype(np.float32)
    flux = (flux_e * rng.uniform(0.1, 1.0, stars)).astype(np.float32)
    field = Stars(place[:, 0], place[:, 1], flux, np.ones((stars, 3), np.float32))
    paint_stars(light, field, StarShape(fwhm_px, LENS, dew_share=dew, dew_radius_px=20.0), 17.0)
    seen = see(np.rint(200.0 + rng.poisson(light)).astype(np.uint16))
    return halo_share(seen.maps, seen.list, seen.scan.bin_px)


def test_good_optics_have_next_to_none():
    assert abs(share_of(0.0)) < 0.1


@pytest.mark.parametrize("dew", [0.3, 0.5])
def test_dew_shows_as_halos(dew):
    scattered = dew / (1.0 - dew)  # over the light of the core; a halo that reaches into its own sky is seen in part
    assert 0.25 * scattered < share_of(dew) < scattered


def test_wide_stars_have_no_halo_because_they_are_wide():
    assert abs(share_of(0.0, fwhm_px=8.0, flux_e=400_000.0)) < 0.13


def test_of_few_or_faint_stars_nothing_is_said():
    assert share_of(0.3, stars=5) is None
    assert share_of(0.0, flux_e=1500.0) is None


@pytest.mark.parametrize(("share", "told"), [(None, False), (0.2, False), (0.5, True), (2.0, True)])
def test_halos_are_told_and_never_a_verdict(share, told):
    found = [one for one in findings_of(replace(GOOD, halo_share=share)) if one.kind is Kind.CLOUD]
    assert bool(found) is told
    assert all(one.severity < 0.7 and not one.strong and "halos" in one.text for one in found)
    assert all((one.severity >= 0.3) == (share > 0.9) for one in found)
