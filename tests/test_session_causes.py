"""Each cause that a session can tell has its name, its hour, its numbers and its place, in one sentence."""

from datetime import timedelta

import numpy as np
import pytest
from glimpses import BEGIN, HEIGHT, Field, after_clean_frames, night, seen_next

from nebulift.exposure import Exposure
from nebulift.findings import Kind
from nebulift.pipeline import lit
from nebulift.session import session_findings

BEFORE_CULMINATION = {"site_latitude_deg": 50.0, "site_longitude_deg": -30.0}  # of the Moon of that evening
AFTER_CULMINATION = {"site_latitude_deg": 50.0, "site_longitude_deg": 60.0}


def sentence(context, kind):
    return next(finding.text for finding in session_findings(context) if finding.kind is kind)


def behind(border, light=0.3):
    """Transparency of a field whose upper rows are behind something."""
    return lambda _, y: np.where(y < border, light, 1.0)


class TestNames:
    def test_thin_cloud(self):
        context = night(Field(), [({"transparency": light}, {}) for light in (0.6, 0.8, 0.74)])
        transparency = f"{context.transparency:.2f}"
        assert float(transparency) == pytest.approx(0.74, abs=0.02)
        assert (
            sentence(context, Kind.CLOUD)
            == f"thin cloud since 21:40 UTC: transparency {transparency} of the session's best"
        )

    def test_cloud_over_a_part(self):
        def corner(x, y):
            return np.where((x < 0.55) & (y < 0.6), 0.3, 1.0)

        context = night(Field(), [({"transparency": corner}, {})])
        assert context.extinct_fraction == pytest.approx(0.33, abs=0.06)
        text = f"{context.extinct_fraction:.0%} of the field upper left behind cloud: its stars are missing or faint"
        assert text in [finding.text for finding in session_findings(context)]

    def test_focus(self):
        context = night(Field(), [({}, {"fwhm_px": width}) for width in (3.5, 3.8, 4.1, 4.4)])
        assert sentence(context, Kind.DEFOCUS) == "focus drifting since 21:40 UTC (FWHM 3.0 -> 4.4 px)"

    @pytest.mark.parametrize(
        ("angles", "text"),
        [
            (
                (40, 42, 39, 41),
                "tracking: stars 1.45 times as elongated as the session's best, the same way since 21:40 UTC",
            ),
            (
                (10, 100, 55, 145),
                "wind? stars 1.45 times as elongated as the session's best, each frame another way since 21:40 UTC",
            ),
        ],
    )
    def test_tracking_and_wind(self, angles, text):
        frames = [({}, {"elongation": 1.6, "angle_deg": float(angle)}) for angle in angles]
        assert sentence(night(Field(), frames), Kind.TRAILED) == text

    def test_dew_by_its_widths(self):
        frames = [({"transparency": 0.9 - 0.1 * n}, {"fwhm_px": 3.5 + 0.3 * n}) for n in range(4)]
        text = sentence(night(Field(), frames), Kind.CLOUD)
        assert text.startswith("dew? since 21:40 UTC stars lose light and grow (FWHM 3.0 -> 4.4 px): transparency 0.6")

    def test_dew_by_its_halos(self):
        frames = [({"transparency": 0.85 - 0.1 * n}, {"halo_share": 0.05 + 0.1 * n}) for n in range(1, 5)]
        field = Field()
        text = sentence(night(field, frames, halo_share=0.05), Kind.CLOUD)
        grown = "stars lose light and grow (5% -> 45% of their light in halos)"
        assert text.startswith(f"dew? since 21:40 UTC {grown}: transparency 0.4")

    def test_an_obstacle_that_grows_from_one_side(self):
        frames = [({"transparency": behind(border)}, {}) for border in (0.17, 0.34, 0.42)]
        context = night(Field(stars=400), frames)
        course = context.trends.covered
        assert course.first == pytest.approx(0.16, abs=0.03)
        assert course.now == pytest.approx(0.32, abs=0.05)
        grown = f"growing from the upper side since 21:40 UTC ({course.first:.0%} -> {course.now:.0%})"
        edge, cells = (one.text for one in session_findings(context) if one.kind is Kind.OBSTRUCTION)
        assert edge.startswith("an edge on the upper side takes")
        assert grown in edge
        assert cells.endswith(f"of the field upper blocked, {grown}: its stars are missing or faint")

    def test_what_comes_now_here_and_now_there_has_no_side(self):
        def right(x, y):
            return np.where(x > 0.5, 0.3, 1.0)

        frames = [({"transparency": how}, {}) for how in (behind(0.17), right, behind(0.34))]
        context = night(Field(stars=400), frames)
        assert context.trends.covered_deg is None
        assert "from the" not in " ".join(finding.text for finding in session_findings(context))

    def test_stars_that_fade_towards_a_side(self):
        context, _ = seen_next(after_clean_frames(Field()), Field().glimpse(transparency=lambda x, _: 1.0 - 0.5 * x))
        assert "towards the right side of the field" in " ".join(one.text for one in session_findings(context))

    def test_off_target(self):
        context, _ = seen_next(after_clean_frames(Field()), Field().glimpse(shift=(0.0, 0.6 * HEIGHT)))
        told = [finding.text for finding in session_findings(context)]
        assert "off target: the field jumped by 40% of its width" in told


class TestLight:
    """A sky that gets brighter is called by what rises, where place and time are known."""

    def brightening(self):
        return night(Field(), [({"sky_adu": sky}, {}) for sky in (1400.0, 1700.0, 2100.0)])

    def told(self, place):
        at = BEGIN + timedelta(minutes=50)
        found = lit(session_findings(self.brightening()), Exposure(taken_at=at, **place))
        return next(finding.text for finding in found if finding.kind is Kind.GRADIENT)

    def test_the_moon_that_rises(self):
        text = self.told(BEFORE_CULMINATION)
        assert text.startswith("moonrise: about 2.1 times the light in the sky as in the session, since 21:40 UTC; ")
        assert text.endswith(" deg high, rising)")

    def test_the_moon_that_sinks_is_told_but_is_not_the_cause(self):
        text = self.told(AFTER_CULMINATION)
        assert text.startswith("about 2.1 times the light in the sky as in the session, since 21:40 UTC; ")
        assert text.endswith(" deg high, sinking)")

    def test_without_a_place_only_the_light_is_told(self):
        assert self.told({}) == "about 2.1 times the light in the sky as in the session, since 21:40 UTC"


class TestCourses:
    def test_one_wide_frame_is_no_drift(self):
        context = night(Field(), [({}, {"fwhm_px": 4.5})])
        assert context.trends.wider is None
        assert "focus or seeing" in sentence(context, Kind.DEFOCUS)

    def test_without_times_nothing_is_said_of_courses(self):
        context, _ = seen_next(after_clean_frames(Field()), Field().glimpse(transparency=0.5))
        assert context.trends.dimmer is None
