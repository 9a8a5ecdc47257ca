"""Headers of many programs -> the same facts."""

from datetime import UTC, datetime

import pytest
from framefiles import INDI, NINA
from hypothesis import given
from hypothesis import strategies as st

from nebulift.exposure import FrameKind
from nebulift.readers.bayer_pattern import stored_bayer
from nebulift.readers.frame_kind import kind_from_header, kind_of_text
from nebulift.readers.header_values import number, sexagesimal
from nebulift.readers.keywords import exposure_from_header
from nebulift.readers.observation_time import exposure_start, moment

SGP = {
    "OBJECT": "M57", "DATE-OBS": "2020-05-30T00:22:49.0968820", "IMAGETYP": "LIGHT", "EXPOSURE": 30, "CCD-TEMP": -17.5,
    "CREATOR": "Sequence Generator Pro v3.1.0.479", "INSTRUME": "ZWO ASI294MC Pro", "SITELAT": "51 3 0.000",
    "SITELONG": "3 43 0.000", "FILTER": "HaOIII", "XBINNING": 1, "YBINNING": 1, "RA": 283.3955, "DEC": 33.034,
    "FOCALLEN": 1480, "GAIN": 120, "EGAIN": 3.99, "OFFSET": 30, "AIRMASS": 1.11,
}  # fmt: skip
MAXIM = {
    "DATE-OBS": "2018-07-04T14:03:03", "EXPTIME": 300.0, "EXPOSURE": 300.0, "CCD-TEMP": -34.99, "XPIXSZ": 7.4,
    "XBINNING": 1, "YBINNING": 1, "FILTER": "SII", "IMAGETYP": "Light Frame", "SITELAT": "-31 16 24",
    "SITELONG": "149 03 52", "SWCREATE": "MaxIm DL Version 5.24", "OBJECT": "m17", "INSTRUME": "Apogee USB/Net",
    "DATE": "04/07/18", "TIME-OBS": "14:03:03", "RA": "18 20 48.12", "DEC": "-16 10 58.8", "PIERSIDE": "EAST",
}  # fmt: skip
SEESTAR = {
    "CREATOR": "ZWO Seestar S50", "PROGRAM": "4.27", "IMAGETYP": "Light", "EXPTIME": 10.0, "CCD-TEMP": 25.125,
    "RA": 193.04166, "DEC": 40.97, "DATE-OBS": "2025-03-27T01:20:32.955368", "FILTER": "IRCUT", "BAYERPAT": "GRBG",
    "INSTRUME": "Seestar S50", "GAIN": 80, "TELESCOP": "S50_1d3fe189", "OBJECT": "M 94", "XPIXSZ": 2.9,
    "FOCALLEN": 250,
}  # fmt: skip
PIXINSIGHT = {
    "IMAGETYP": "Master Light", "EXPTIME": "120.00  ", "XPIXSZ": "3.76", "FOCALLEN": "530.", "GAIN": "100.",
    "XBINNING": "1", "YBINNING": "1", "CCD-TEMP": "-10.0", "RA": "10.683", "DEC": "41.269", "OBJECT": "M31",
}  # fmt: skip
SHARPCAP = {
    "SWCREATE": "SharpCap", "CCD-TEMP": 12.7, "XBINNING": 1, "YBINNING": 1, "XPIXSZ": 2.9, "EXPTIME": 2,
    "DATE-OBS": "2019-04-29T20:25:29.8219583", "INSTRUME": "ZWO ASI290MM Mini", "BLKLEVEL": 10,
}  # fmt: skip
IRAF = {
    "TELESCOP": "SAAO 1.0m", "INSTRUME": "STE3 CCD", "DATE-OBS": "2013-07-13", "UT": "00:57:33", "IMAGETYP": "object",
    "RA": " 22:04:08", "DEC": "-00:55:31", "EXPTIME": 150.04, "SECZ": 1.176, "GAIN": 1.9, "RDNOISE": 5.0,
    "CCD-TEMP": 180.2, "CCDSUM": "2 2",
}  # fmt: skip


def facts(header, height=1000, planes=1):
    return exposure_from_header(header, height, planes)


def test_indi_and_ekos():
    found = facts(INDI)
    assert (found.kind, found.kind_source) == (FrameKind.LIGHT, "header")
    assert found.taken_at == datetime(2026, 1, 2, 21, 3, 4, 567000, UTC)
    assert (found.exposure_s, found.gain, found.offset, found.binning) == (120.0, 100.0, 70.0, (1, 1))
    assert (found.bayer, found.pixel_size_um, found.focal_length_mm) == ("RGGB", 3.76, 530.0)
    assert (found.ra_deg, found.dec_deg, found.pier_side, found.airmass) == (10.683, 41.269, "west", 1.05)
    assert found.pixel_scale_arcsec == pytest.approx(1.463, abs=0.001)


def test_nina():
    found = facts(NINA)
    assert (found.camera, found.telescope, found.target, found.filter_name) == (
        "ASI2600MM Pro", "RC8", "NGC 7000", "Ha",
    )  # fmt: skip
    assert (found.electrons_per_adu, found.binning, found.pixel_size_um) == (0.25, (2, 2), 7.52)
    assert (found.bayer, found.pier_side, found.software) == (None, "east", "N.I.N.A. 3.1.2.9001 (x64)")
    assert found.taken_at == datetime(2026, 1, 2, 21, 3, 4, 567000, UTC)


def test_sequence_generator_pro_with_sexagesimal_site_and_seven_decimals():
    found = facts(SGP)
    assert (found.exposure_s, found.software) == (30.0, "Sequence Generator Pro v3.1.0.479")
    assert found.site_latitude_deg == pytest.approx(51.05)
    assert found.site_longitude_deg == pytest.approx(3 + 43 / 60)
    assert found.taken_at == datetime(2020, 5, 30, 0, 22, 49, 96882, UTC)


def test_maxim_with_hours_in_ra():
    found = facts(MAXIM)
    assert found.ra_deg == pytest.approx(15 * (18 + 20 / 60 + 48.12 / 3600))
    assert found.dec_deg == pytest.approx(-(16 + 10 / 60 + 58.8 / 3600))
    assert found.site_latitude_deg == pytest.approx(-(31 + 16 / 60 + 24 / 3600))
    assert found.taken_at == datetime(2018, 7, 4, 14, 3, 3, tzinfo=UTC)


def test_seestar_and_its_own_stack():
    found = facts(SEESTAR)
    assert (found.kind, found.bayer, found.software) == (FrameKind.LIGHT, "GRBG", "ZWO Seestar S50")
    assert facts(SEESTAR | {"STACKCNT": 12}).kind == FrameKind.STACK
    assert facts(SEESTAR | {"STACKCNT": 12}).stack_count == 12
    assert facts(SEESTAR | {"STACKCNT": 1}).kind == FrameKind.LIGHT
    assert facts(SEESTAR, planes=3).kind == FrameKind.STACK


def test_pixinsight_with_numbers_in_quotes():
    found = facts(PIXINSIGHT)
    assert (found.kind, found.exposure_s, found.pixel_size_um) == (FrameKind.STACK, 120.0, 3.76)
    assert (found.focal_length_mm, found.gain, found.binning, found.sensor_temp_c) == (530.0, 100.0, (1, 1), -10.0)
    assert (found.ra_deg, found.dec_deg) == (10.683, 41.269)


def test_sharpcap_says_nothing_about_the_kind():
    found = facts(SHARPCAP)
    assert (found.kind, found.kind_source) == (FrameKind.LIGHT, "assumed")
    assert (found.target, found.offset, found.exposure_s) == (None, 10.0, 2.0)


def test_an_observatory_header():
    found = facts(IRAF)
    assert found.taken_at == datetime(2013, 7, 13, 0, 57, 33, tzinfo=UTC)
    assert (found.gain, found.electrons_per_adu) == (None, 1.9)  # with RDNOISE, GAIN is e-/ADU
    assert (found.sensor_temp_c, found.binning, found.airmass) == (None, (2, 2), 1.176)  # 180.2 is Kelvin
    assert found.ra_deg == pytest.approx(15 * (22 + 4 / 60 + 8 / 3600))


def test_an_empty_header_states_nothing():
    found = facts({})
    assert (found.kind, found.kind_source) == (FrameKind.LIGHT, "assumed")
    assert all(getattr(found, name) is None for name in found.__slots__ if name not in ("kind", "kind_source"))


def test_unbinned_pixel_sizes_are_multiplied():
    assert facts({"PIXSIZE1": 3.76, "XBINNING": 2, "YBINNING": 2}).pixel_size_um == pytest.approx(7.52)


@pytest.mark.parametrize(
    ("header", "name", "value"),
    [
        ({"EXPTIME": -1.0}, "exposure_s", None),
        ({"EXPTIME": "nonsense", "EXPOSURE": 7}, "exposure_s", 7.0),
        ({"EXPOINUS": 2_500_000}, "exposure_s", 2.5),
        ({"EXPTIME": True}, "exposure_s", None),
        ({"FILTER": "None"}, "filter_name", None),
        ({"FILTER": "  "}, "filter_name", None),
        ({"FILTERS": 48}, "filter_name", "48"),
        ({"OBJECT": "Unknown"}, "target", None),
        ({"ISOSPEED": 1600}, "gain", 1600.0),
        ({"CAMTEMP": "13 C"}, "sensor_temp_c", 13.0),
        ({"FOCALLEN": 0}, "focal_length_mm", None),
        ({"BINNING": "2x2"}, "binning", (2, 2)),
        ({"BINNING": "3"}, "binning", (3, 3)),
        ({"XBINNING": 0}, "binning", None),
        ({"RA": 400.0}, "ra_deg", None),
        ({"RA": "12:34:56.7"}, "ra_deg", 15 * (12 + 34 / 60 + 56.7 / 3600)),
        ({"RA": "193.04"}, "ra_deg", 193.04),
        ({"OBJCTRA": "12.5"}, "ra_deg", None),
        ({"DEC": "-00:55:31"}, "dec_deg", -(55 / 60 + 31 / 3600)),
        ({"DEC": 95.0, "OBJCTDEC": "10 0 0"}, "dec_deg", 10.0),
        ({"PIERSIDE": "pierEast"}, "pier_side", "east"),
        ({"PIERSIDE": "unknown"}, "pier_side", None),
        ({"SITELONG": 355.0}, "site_longitude_deg", -5.0),
        ({"AIRMASS": 0.0}, "airmass", None),
        ({"AIRMASS": -1.0, "SECZ": 1.5}, "airmass", 1.5),
        ({"PROGRAM": "2.76", "ORIGIN": "ESO"}, "software", "ESO"),
        ({"BITCAMPX": 12}, "bits", 12),
        ({"GAIN": float("nan")}, "gain", None),
    ],
)  # fmt: skip
def test_single_facts(header, name, value):
    found = getattr(facts(header), name)
    assert found == (pytest.approx(value) if isinstance(value, float) else value)


# kinds


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("LIGHT", "light"), ("Light Frame", "light"), ("light   ", "light"), ("object", "light"), ("SCIENCE", "light"),
        ("Tricolor Image", "light"), ("SNAPSHOT", "light"), ("Dark Frame", "dark"), ("DARK", "dark"),
        ("Bias Frame", "bias"), ("zero", "bias"), ("OFFSET", "bias"), ("Flat Field", "flat"), ("SKYFLAT", "flat"),
        ("dome flat", "flat"), ("FLAT,SKY", "flat"), ("DARKFLAT", "darkflat"), ("Dark Flat", "darkflat"),
        ("FLATDARK", "darkflat"), ("Master Dark", "master"), ("masterFlat", "master"), ("MASTER BIAS FRAME", "master"),
        ("Master Light", "stack"), ("stacked", "stack"), ("ARC", "other"), ("256 Frames", None), ("red", None),
        ("", None), (None, None), ("Darkness", None),
    ],
)  # fmt: skip
def test_the_kind_in_words(text, kind):
    found = kind_of_text(text)
    assert (found and str(found)) == kind


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ({"FRAME": "Dark"}, "dark"),
        ({"FRAME": "256 Frames", "OBSTYPE": "flat"}, "flat"),
        ({"IMGTYP": "object"}, "light"),
        ({"IMAGETYP": "DARK", "NCOMBINE": 20}, "master"),
        ({"IMAGETYP": "LIGHT", "NCOMBINE": "20"}, "stack"),
        ({"IMAGETYP": "LIGHT", "SNAPSHOT": 1}, "light"),
        ({"IMAGETYP": "Light Frame", "HISTORY": "ImageIntegration.numberOfImages: 30"}, "stack"),
        ({"STACKCNT": 5}, "stack"),
        ({"IMAGETYP": "Master Flat", "STACKCNT": 5}, "master"),
        ({"OBJECT": "M31"}, None),
    ],
)
def test_the_kind_in_a_header(header, kind):
    found = kind_from_header(header)
    assert (found and str(found)) == kind


# times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05", (2026, 1, 2, 3, 4, 5, 0)),
        ("2026-01-02T03:04:05.1", (2026, 1, 2, 3, 4, 5, 100_000)),
        ("2026-01-02T03:04:05.1234567", (2026, 1, 2, 3, 4, 5, 123_457)),
        ("2026-01-02 03:04:05,5", (2026, 1, 2, 3, 4, 5, 500_000)),
        ("2026-01-02T03:04", (2026, 1, 2, 3, 4, 0, 0)),
        ("2026/01/02T03:04:05", (2026, 1, 2, 3, 4, 5, 0)),
        ("2026-01-02T03:04:05Z", (2026, 1, 2, 3, 4, 5, 0)),
        ("2026-01-02T03:04:05+02:00", (2026, 1, 2, 1, 4, 5, 0)),
        ("2026-01-02T03:04:05-0530", (2026, 1, 2, 8, 34, 5, 0)),
        ("2026-01-02T03:04:60.0", (2026, 1, 2, 3, 5, 0, 0)),
        ("2026-01-02T24:00:00", (2026, 1, 3, 0, 0, 0, 0)),
        ("WED MAR 06 08:30:37 2019", (2019, 3, 6, 8, 30, 37, 0)),
    ],
)
def test_moments_are_read_as_utc(text, expected):
    assert moment(text) == datetime(*expected, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "2026-13-01T00:00:00", "2026-02-30T00:00:00", "0000-00-00T00:00:00", "2026-01-02T25:00:00",
     "2026-01-02", "9999-01-01T00:00:00", "2026-01-02T03:99:05", "2026-01-02T03:04:05+99:00"],
)  # fmt: skip
def test_nonsense_is_no_moment(text):
    assert moment(text) is None


@given(st.text(max_size=30))
def test_no_text_breaks_the_clock(text):
    header = dict.fromkeys(["DATE-OBS", "UT", "DATE-LOC", "MJD-OBS", "JD", "DATE-AVG", "TIMEZONE"], text)
    found = exposure_start(header, 1.0)
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({"DATE-OBS": "2026-01-02", "TIME-OBS": "03:04:05.5"}, (2026, 1, 2, 3, 4, 5, 500_000)),
        ({"DATE": "2011-01-02", "UT": "00:36:25"}, (2011, 1, 2, 0, 36, 25, 0)),
        ({"DATE-OBS": "31/12/98", "TIME-OBS": "23:59:59"}, (1998, 12, 31, 23, 59, 59, 0)),
        ({"UT": "WED MAR 06 08:30:37 2019", "DATE": "WED MAR 06 01:30:37 2019"}, (2019, 3, 6, 8, 30, 37, 0)),
        ({"DATE-BEG": "2026-01-02T03:04:05"}, (2026, 1, 2, 3, 4, 5, 0)),
        ({"MJD-OBS": 61042.5}, (2026, 1, 2, 12, 0, 0, 0)),
        ({"MJD-OBS": "61042.25"}, (2026, 1, 2, 6, 0, 0, 0)),
        ({"JD": 2461043.0}, (2026, 1, 2, 12, 0, 0, 0)),
        ({"DATE-AVG": "2026-01-02T03:04:05"}, (2026, 1, 2, 3, 3, 55, 0)),
        ({"DATE-END": "2026-01-02T03:04:05"}, (2026, 1, 2, 3, 3, 45, 0)),
        ({"DATE-LOC": "2026-01-02T03:04:05+02:00"}, (2026, 1, 2, 1, 4, 5, 0)),
        ({"DATE-LOC": "2026-01-02T03:04:05", "TIMEZONE": -5}, (2026, 1, 2, 8, 4, 5, 0)),
        ({"DATE-OBS": "bad", "DATE-BEG": "2026-01-02T03:04:05"}, (2026, 1, 2, 3, 4, 5, 0)),
    ],
)  # fmt: skip
def test_the_start_of_the_exposure(header, expected):
    assert exposure_start(header, 20.0) == datetime(*expected, tzinfo=UTC)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"DATE-OBS": "2026-01-02"},
        {"DATE-LOC": "2026-01-02T03:04:05"},
        {"MJD-OBS": 0},
        {"MJD-OBS": 56486.0},
        {"JD": 1.5},
    ],
)
def test_a_time_that_is_not_stated_is_none(header):
    assert exposure_start(header, 20.0) is None


# colour patterns


@pytest.mark.parametrize(
    ("header", "height", "pattern"),
    [
        ({"BAYERPAT": "RGGB"}, 100, "RGGB"),
        ({"BAYERPAT": "grbg   "}, 100, "GRBG"),
        ({"COLORTYP": "BGGR"}, 100, "BGGR"),
        ({"BAYERPAT": "TRUE"}, 100, "RGGB"),
        ({"BAYERPAT": True}, 100, "RGGB"),
        ({"BAYERPAT": "NONE"}, 100, None),
        ({"BAYERPAT": ""}, 100, None),
        ({"BAYERPAT": "GGRGGBGGBGGRBRGRBGGGBGGRGGRGGBRBGBRG"}, 100, None),  # X-Trans
        ({}, 100, None),
        # TOP-DOWN and no statement: as written
        ({"BAYERPAT": "RGGB", "ROWORDER": "TOP-DOWN"}, 100, "RGGB"),
        # BOTTOM-UP: an even number of rows turns the pattern over, an odd one does not
        ({"BAYERPAT": "RGGB", "ROWORDER": "BOTTOM-UP"}, 100, "GBRG"),
        ({"BAYERPAT": "GRBG", "ROWORDER": "BOTTOM-UP"}, 100, "BGGR"),
        ({"BAYERPAT": "RGGB", "ROWORDER": "BOTTOM-UP"}, 101, "RGGB"),
        # offsets
        ({"BAYERPAT": "RGGB", "XBAYROFF": 1}, 100, "GRBG"),
        ({"BAYERPAT": "RGGB", "YBAYROFF": 1}, 100, "GBRG"),
        ({"BAYERPAT": "RGGB", "XBAYROFF": 1, "YBAYROFF": 1}, 100, "BGGR"),
        ({"BAYERPAT": "RGGB", "XBAYROFF": "2", "YBAYROFF": -2}, 100, "RGGB"),
        ({"BAYERPAT": "RGGB", "YBAYROFF": 1, "ROWORDER": "BOTTOM-UP"}, 100, "RGGB"),
    ],
)
def test_the_pattern_as_it_lies_in_the_array(header, height, pattern):
    assert stored_bayer(header, height) == pattern


def test_a_flipped_image_has_the_flipped_pattern():
    """A camera's rows, stored bottom first with BAYERPAT as the camera states it, still tell every pixel's colour."""
    for pattern in ("RGGB", "BGGR", "GRBG", "GBRG"):
        for height in (6, 7):
            mosaic = [[pattern[row % 2 * 2 + column % 2] for column in range(4)] for row in range(height)]
            stored = mosaic[::-1]
            found = stored_bayer({"BAYERPAT": pattern, "ROWORDER": "BOTTOM-UP"}, height)
            assert found == "".join(stored[0][:2] + stored[1][:2])


# values


@pytest.mark.parametrize(
    ("value", "expected"),
    [("120.00  ", 120.0), ("1.5D2", 150.0), ("0.019 mm", 0.019), (3, 3.0), (True, None), ("x", None), (None, None),
     (float("inf"), None), ("1e999", None), (10**400, None), ("-.5", -0.5)],
)  # fmt: skip
def test_numbers_in_any_clothes(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("51 3 0.000", 51.05), ("-12:34:56.7", -(12 + 34 / 60 + 56.7 / 3600)), ("+38d58m", 38 + 58 / 60), ("-0 30", -0.5),
     ("12 75 00", None), ("12.5", None), (12.5, None), ("", None), ("1 2 3 4", None)],
)  # fmt: skip
def test_sexagesimal_angles(value, expected):
    assert sexagesimal(value) == (None if expected is None else pytest.approx(expected))


@given(
    st.dictionaries(
        st.sampled_from([*INDI, *NINA, "HISTORY"]), st.text(max_size=30) | st.integers() | st.floats() | st.booleans()
    )
)
def test_no_header_breaks_the_facts(header):
    found = exposure_from_header(header, 100)
    assert found.ra_deg is None or 0 <= found.ra_deg < 360
    assert found.exposure_s is None or found.exposure_s >= 0
