"""Faint structure in the sky: what the fine residual measures, and what of it was not in the session before."""

import json

import numpy as np
import pytest
from glimpses import WIDTH, Field, after_clean_frames, scalars, seen_next
from skies import NOISE_ADU, SKY_ADU, grid, noise, see

from nebulift.findings import Kind
from nebulift.session import GroupState, compare, session_findings
from nebulift.session.glimpse import COLUMNS, ROWS
from nebulift.session.sky_map import sky_map_of, unpacked_map, unpacked_residual
from nebulift.session.sky_residual import mesh_on_grid, sky_residual
from nebulift.verdict import Label, decide

Y, X = np.mgrid[0:ROWS, 0:COLUMNS]
BAND = np.exp(-0.5 * ((0.6 * (X - 32) + 0.8 * (Y - 22)) / 1.5) ** 2)  # across the field, some three cells wide


def measured(pixels):
    """(light of the sky on the grid in noise of one pixel, expected noise of a cell) of a made sky."""
    seen = see(pixels)
    residual, expected = sky_residual(seen.scan, seen.background, seen.maps, seen.list, (ROWS, COLUMNS))
    raw_sigmas = seen.scan.sigma_adu / seen.scan.raw_noise_adu
    return residual + mesh_on_grid(seen.background.level, (ROWS, COLUMNS)) * raw_sigmas, expected


class TestResidual:
    @pytest.mark.parametrize("side", [1100, 2200])
    def test_a_cell_is_as_noisy_as_its_pixels_make_it(self, side):
        light, expected = measured(noise(side, side))
        assert np.nanstd(light[2:-2, 2:-2]) == pytest.approx(expected, rel=0.2)
        assert expected < 0.08

    def test_a_disc_far_below_the_noise_of_a_pixel_comes_out_at_its_height(self):
        x, y = grid(1400, 1400)
        disc = np.hypot(x - 0.1, y + 0.1) < 0.06
        light, _ = measured(noise(1400, 1400, level=SKY_ADU + 0.3 * NOISE_ADU * disc))
        column, row = np.meshgrid((np.arange(COLUMNS) + 0.5) / COLUMNS - 0.5, (np.arange(ROWS) + 0.5) / ROWS - 0.5)
        distance = np.hypot(column - 0.1, row + 0.1)
        height = np.nanmean(light[distance < 0.045]) - np.nanmedian(light[distance > 0.1])
        assert height == pytest.approx(0.3, abs=0.03)

    def test_a_frame_too_small_for_the_grid_has_none(self):
        light, _ = measured(noise(150, 220))
        assert np.isnan(light).all()

    def test_it_is_kept_to_a_hundredth_of_the_noise_in_little_room(self):
        glimpse = Field().glimpse(extra_residual=0.4 * BAND)
        kept = sky_map_of(glimpse, (1500.0, 1000.0), is_turned=False)
        sky = (glimpse.sky_adu - np.median(glimpse.sky_adu)) / glimpse.noise_adu
        both = unpacked_map(kept.packed) + unpacked_residual(kept.residual)
        assert np.abs(both - sky - glimpse.residual).max() <= 0.0101
        assert len(kept.residual) < 3000


class TestWhatWasNotThereBefore:
    @pytest.mark.parametrize(("sky_adu", "is_told"), [(1000.0, True), (1400.0, False)])
    def test_dust_that_only_a_brighter_sky_shows_is_nothing_new(self, sky_adu, is_told):
        field = Field()
        state = after_clean_frames(field)
        dusty = field.glimpse(sky_adu=sky_adu, extra_residual=-0.35 * BAND)  # 2 % of 17 noises of a pixel
        context, _ = seen_next(state, dusty)
        assert (context.fine_sigma is not None and context.fine_sigma < 0.0) is is_told

    @pytest.mark.parametrize("height", [0.4, -0.4])
    def test_a_faint_band_is_found_and_goes_to_a_person(self, height):
        field = Field()
        context, _ = seen_next(after_clean_frames(field), field.glimpse(extra_residual=height * BAND))
        assert context.fine_sigma == pytest.approx(height, rel=0.4)
        (found,) = session_findings(context)
        assert found.kind is (Kind.CLOUD if height > 0.0 else Kind.OBSTRUCTION)
        assert decide((found,)).label is Label.REVIEW
        assert np.mean([BAND[cell] > 0.1 for cell in found.geometry.cells]) > 0.9

    def test_what_is_in_every_frame_cancels_after_a_flip_too(self):
        field = Field()
        state = after_clean_frames(field, extra_residual=0.4 * BAND)
        context, _ = seen_next(state, field.glimpse(extra_residual=0.4 * BAND))
        assert context.fine_sigma is None
        for _ in range(4):  # maps of the new side are needed first
            context, state = seen_next(state, field.glimpse(extra_residual=0.4 * BAND, turned=True))
            assert context.fine_sigma is None
        context, _ = seen_next(state, field.glimpse(extra_residual=0.8 * BAND[::-1], turned=True))
        assert context.fine_sigma == pytest.approx(0.8, rel=0.4)

    def test_it_is_the_same_after_a_restart(self):
        field = Field()
        state = after_clean_frames(field)
        glimpse = field.glimpse(extra_residual=0.4 * BAND)
        again = GroupState.from_json(json.loads(json.dumps(state.to_json())))
        now = scalars(glimpse)
        assert compare(again, glimpse, now)[0] == compare(state, glimpse, now)[0]

    def test_nothing_is_found_in_clear_frames_that_dither(self):
        field = Field()
        state = after_clean_frames(field)
        for _ in range(60):
            context, state = seen_next(state, field.glimpse(shift=tuple(field.rng.uniform(-12, 12, 2))))
            assert context.fine_sigma is None

    def test_a_nebula_that_moves_with_the_field_is_none(self):
        field, cell_px = Field(), WIDTH / COLUMNS
        state = after_clean_frames(field, extra_residual=0.5 * BAND)
        moved = np.roll(0.5 * BAND, 1, axis=1)
        context, _ = seen_next(state, field.glimpse(extra_residual=moved, shift=(cell_px, 0.0)))
        assert context.fine_sigma is None

    def test_single_cells_are_stars_that_vary(self):
        field = Field()
        spot = np.zeros((ROWS, COLUMNS))
        spot[20, 30] = 0.9
        context, _ = seen_next(after_clean_frames(field), field.glimpse(extra_residual=spot))
        assert context.fine_sigma is None

    def test_what_stays_in_its_place_becomes_a_remark(self):
        field = Field()
        state = after_clean_frames(field)
        labels = []
        for _ in range(5):
            glimpse = field.glimpse(extra_residual=0.4 * BAND)
            context, _ = compare(state, glimpse, scalars(glimpse))
            label = decide(session_findings(context)).label
            row, column = (float(np.mean(places)) for places in zip(*context.fine_cells, strict=True))
            _, state = seen_next(state, glimpse, label, now=scalars(glimpse, fine=(row, column)))
            labels.append(label)
        assert labels == [Label.REVIEW] * 3 + [Label.CLEAN] * 2
