"""Lines among crowded stars, and lines that are told by being one pixel wide or as bright as the map goes."""

from dataclasses import replace

import numpy as np
import pytest
from skies import NOISE_ADU, SKY_ADU, see
from test_streaks_company import EVEN, arm, line

from benchmarks.lookalikes import LOOKALIKES
from nebulift.exposure import Exposure
from nebulift.frame import frame_from_array
from nebulift.simulate import add_streak, star_field
from nebulift.streaks.along import is_beaded, is_periodic
from nebulift.streaks.conditions import weakness
from nebulift.streaks.spikes import crosses_spike
from nebulift.streaks.tracks import is_cosmic_ray

BEADS = np.where(np.arange(48) % 6 < 2, 20.0, 2.0)
ROW = np.repeat(np.random.default_rng(1).gamma(0.5, 8.0, 24), 2)  # stars have no rhythm
HIDDEN = np.where(abs(np.arange(48) - 23.5) < 4, np.nan, 2.0)


def test_a_row_of_stars_goes_up_and_down_within_the_width_of_a_star_and_a_tumbling_light_does_not():
    tumbling = 5.0 + 4.5 * np.sin(np.linspace(0.0, 12.0, 48))
    assert is_beaded(BEADS, 2)
    assert not is_beaded(tumbling, 2)
    assert not is_beaded(np.where(np.arange(48) % 12 == 5, 40.0, EVEN), 2)  # some stars on its line


@pytest.mark.parametrize(("crowded", "reason"), [("sparse", None), ("crowded", "row of stars")])
def test_rows_of_stars_are_told_where_stars_are_crowded(crowded, reason):
    row = replace(line(100.0, 100.0, 170.0, 100.0, ROW), ridge_sigma=8.0)
    assert weakness(row, crowded, 3.0) == reason


def test_what_flashes_at_one_rate_among_crowded_stars_tumbles_if_it_is_bright_enough_to_be_sure():
    tumbling = replace(line(100.0, 100.0, 500.0, 100.0, BEADS), ridge_sigma=8.0)
    assert is_periodic(BEADS)
    assert not is_periodic(ROW)
    assert weakness(tumbling, "crowded", 3.0) is None
    assert weakness(replace(tumbling, snr=9.0, steady_snr=3.0), "crowded", 3.0) is not None


def test_noise_has_a_period_in_one_of_a_thousand_rows():
    rng = np.random.default_rng(5)
    assert sum(is_periodic(rng.normal(size=48)) for _ in range(3000)) <= 9  # of 3 expected: less than 0.3 % exceed 9


@pytest.mark.parametrize("seed", [78])
def test_a_globular_cluster_holds_no_trail(seed):
    assert see(LOOKALIKES["globular clusters"](seed)[0]).streaks == ()


@pytest.mark.parametrize("seed", range(3))
def test_a_trail_through_a_crowded_field_is_found(seed):
    field = star_field(900, 900, density_per_mpx=3000.0, seed=seed)
    pixels, _ = add_streak(field, (0.0, 200.0 + 100 * seed, 899.0, 700.0), peak_sigma=3.0, seed=seed)
    assert len(see(pixels).streaks) == 1


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_a_trail_through_the_milky_way_is_found_by_its_light_all_along_and_without_it_nothing_is(seed):
    """Stars so wide and dense that the sums of lines beside it scatter by as much as the trail is bright."""
    field = star_field(760, 700, density_per_mpx=5000.0, fwhm_px=4.5, seed=seed)
    pixels, _ = add_streak(field, (0.0, 150.0 + 60 * seed, 759.0, 560.0), peak_sigma=2.0, seed=seed)
    assert [streak.length_px > 650.0 for streak in see(pixels).streaks] == [True]
    assert see(field.pixels).streaks == ()


def test_where_stars_are_cut_down_a_line_is_a_trail_if_it_shines_all_along_and_lines_beside_it_do_not():
    fit = replace(line(0.0, 100.0, 700.0, 500.0, EVEN), snr=9.0, side_snr=4.2, steady_snr=9.0, trimmed_snr=6.0)
    lit = replace(fit, chance=1e-12)
    assert weakness(lit, "rich", 4.5, by_light_along=True) is None
    assert weakness(lit, "rich", 4.5) == "too faint"
    assert weakness(fit, "rich", 4.5, by_light_along=True) == "too faint"
    assert weakness(replace(lit, continuity=0.7), "rich", 4.5, by_light_along=True) == "too faint"


@pytest.mark.parametrize(
    ("turn_deg", "along", "is_twin"), [(90.0, HIDDEN, True), (75.0, HIDDEN, False), (90.0, EVEN, False)]
)
def test_the_twin_of_a_spike_crosses_it_at_its_star_at_a_spider_s_angle(turn_deg, along, is_twin):
    spike, other = (arm((300.0, 300.0), angle, -80.0, 80.0, along) for angle in (20.0, 20.0 + turn_deg))
    assert crosses_spike(other, spike) == is_twin


@pytest.mark.parametrize(("width_px", "is_track"), [(0.3, True), (1.27, False)])
@pytest.mark.parametrize("angle_deg", [11.0, 52.0])
def test_a_track_of_a_cosmic_ray_is_one_pixel_wide(width_px, is_track, angle_deg):
    """The light of a meteor came through the telescope: it is as wide as stars of FWHM 3."""
    rng = np.random.default_rng(2)
    y, x = np.mgrid[0:300, 0:400]
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    along, across = (x - 200) * cos + (y - 150) * sin, (y - 150) * cos - (x - 200) * sin
    light = 10.0 * NOISE_ADU * np.exp(-0.5 * (across / width_px) ** 2) * (np.abs(along) < 80.0)
    pixels = np.rint(SKY_ADU + light + rng.normal(0.0, NOISE_ADU, light.shape)).astype(np.uint16)
    seen = line(200 - 80 * cos, 150 - 80 * sin, 200 + 80 * cos, 150 + 80 * sin)
    assert is_cosmic_ray(seen, frame_from_array(pixels, Exposure()), 3.0) == is_track
