"""FITS keywords of all capture programs -> ``Exposure``: the one place that knows their synonyms.

INDI and KStars/Ekos, N.I.N.A., SGP, MaxIm DL, APT, SharpCap, ASIAIR, Seestar, DWARF, Voyager, Siril, PixInsight and
IRAF-style observatories. Numbers may stand in quotes. Where a keyword's meaning differs between programs the more
common meaning counts and the comment beside it says so.
"""

import re
from dataclasses import replace

from nebulift.exposure import Exposure
from nebulift.readers.bayer_pattern import stored_bayer
from nebulift.readers.frame_kind import kind_from_header, stack_count
from nebulift.readers.header_values import HeaderValues, first_angle, first_number, first_text, number, sexagesimal
from nebulift.readers.observation_time import exposure_start

LONGEST_EXPOSURE_S = 86_400.0
HIGHEST_SENSOR_C = 100.0  # above: Kelvin, as observatories write it
LOWEST_SENSOR_C = -200.0
HIGHEST_AIRMASS = 40.0  # at the horizon
LARGEST_BINNING = 16
TWO_NUMBERS = re.compile(r"(\d{1,2})(?:\s*[xX, ]\s*(\d{1,2}))?", re.ASCII)  # "2x2", "2 2", "2"
NO_FILTER = frozenset({"NONE", "NO FILTER", "NO_FILTER", "NOFILTER", "EMPTY"})


def exposure_from_header(header: HeaderValues, height: int, planes: int = 1) -> Exposure:
    """The facts that ``header`` states about an image of ``height`` rows and ``planes`` colour planes.

    ``kind_source`` is "header" when the header states the kind, else "assumed" (and the kind LIGHT).
    """
    kind = kind_from_header(header, planes)
    exposure_s = _exposure_s(header)
    gain, electrons_per_adu = _gain(header)
    binning = _binning(header)
    facts = Exposure(
        taken_at=exposure_start(header, exposure_s),
        exposure_s=exposure_s,
        camera=first_text(header, "INSTRUME", "CAMERA", "CAMNAME", "CAMMODEL", "CAMERAID", "DETECTOR"),
        telescope=first_text(header, "TELESCOP", "TELNAME"),
        target=first_text(header, "OBJECT", "OBJNAME", "TARGET", "TARGNAME"),
        filter_name=_filter(header),
        gain=gain,
        offset=first_number(header, "OFFSET", "BLKLEVEL", "BLACKLVL"),
        electrons_per_adu=electrons_per_adu,
        bits=_bits(header),
        binning=binning,
        sensor_temp_c=_sensor_temp_c(header),
        bayer=stored_bayer(header, height) if planes == 1 else None,
        pixel_size_um=_pixel_size_um(header, binning),
        focal_length_mm=first_number(header, "FOCALLEN", "FOCAL", "FOCLEN", low=1.0, high=1e5),
        ra_deg=_ra_deg(header),
        dec_deg=first_angle(header, "DEC", "OBJCTDEC", "TELDEC", "OBJDEC", low=-90.0, high=90.0),
        pier_side=_pier_side(header),
        site_latitude_deg=first_angle(header, "SITELAT", "LAT-OBS", "OBSGEO-B", "LATITUDE", low=-90.0, high=90.0),
        site_longitude_deg=_site_longitude_deg(header),
        airmass=first_number(header, "AIRMASS", "SECZ", low=1.0, high=HIGHEST_AIRMASS),
        software=_software(header),
        stack_count=stack_count(header),
    )
    return facts if kind is None else replace(facts, kind=kind, kind_source="header")


def _exposure_s(header: HeaderValues) -> float | None:
    seconds = first_number(
        header, "EXPTIME", "EXPOSURE", "EXP_TIME", "EXP-TIME", "EXPOSURETIME", low=0.0, high=LONGEST_EXPOSURE_S
    )
    if seconds is not None:
        return seconds
    microseconds = first_number(header, "EXPOINUS", low=0.0, high=LONGEST_EXPOSURE_S * 1e6)  # SharpCap, FireCapture
    return None if microseconds is None else microseconds / 1e6


def _filter(header: HeaderValues) -> str | None:
    name = first_text(header, "FILTER", "FILTERS", "FILTNAM", "INSFLNAM", "FILTER1", "FILTERID")
    return None if name is None or name.upper() in NO_FILTER else name


def _gain(header: HeaderValues) -> tuple[float | None, float | None]:
    """(camera setting, electrons per ADU). Observatories that state their read-out noise mean e-/ADU by GAIN."""
    setting = first_number(header, "GAIN", "LOG-GAIN", "ISOSPEED", "ISO", low=0.0)
    electrons = first_number(header, "EGAIN", "GAIN-E", low=1e-6, high=1e4)
    if electrons is None and ("RDNOISE" in header or "READNOIS" in header):
        return None, first_number(header, "GAIN", low=1e-6, high=1e4)
    return setting, electrons


def _bits(header: HeaderValues) -> int | None:
    bits = first_number(header, "BITCAMPX", "ADCBITS", "BITDEPTH", low=8, high=32)
    return None if bits is None else int(bits)


def _binning(header: HeaderValues) -> tuple[int, int] | None:
    across = first_number(header, "XBINNING", "CCDXBIN", "XBIN", "HBIN", low=1, high=LARGEST_BINNING)
    down = first_number(header, "YBINNING", "CCDYBIN", "YBIN", "VBIN", low=1, high=LARGEST_BINNING)
    if across is None:
        match = TWO_NUMBERS.fullmatch(first_text(header, "BINNING", "CCDSUM") or "")
        across, down = (float(match[1]), float(match[2] or match[1])) if match else (None, None)
    if across is None or not 1 <= across <= LARGEST_BINNING:
        return None
    return int(across), int(down if down is not None else across)


def _sensor_temp_c(header: HeaderValues) -> float | None:
    keys = ("CCD-TEMP", "CCDTEMP", "SENSTEMP", "DET-TEMP", "CAMTEMP", "CAM-TEMP", "TEMPERAT", "TEMP")
    return first_number(header, *keys, low=LOWEST_SENSOR_C, high=HIGHEST_SENSOR_C)


def _pixel_size_um(header: HeaderValues, binning: tuple[int, int] | None) -> float | None:
    """Of a stored pixel: XPIXSZ includes the binning (SBFITSEXT 1.0, INDI, N.I.N.A., MaxIm), PIXSIZE1 does not."""
    stored = first_number(header, "XPIXSZ", "XPIXELSZ", low=0.1, high=1000.0)
    if stored is not None:
        return stored
    unbinned = first_number(header, "PIXSIZE1", "PIXSIZE", "PIXSZ", low=0.1, high=1000.0)
    return None if unbinned is None else unbinned * (binning or (1, 1))[0]


def _ra_deg(header: HeaderValues) -> float | None:
    """Degrees when written as a number, hours when written with colons or blanks."""
    for key in ("RA", "OBJCTRA", "TELRA", "OBJRA"):
        hours = sexagesimal(header.get(key))
        degrees = hours * 15.0 if hours is not None else None
        if degrees is None and key != "OBJCTRA":  # always hours; a lone number in it could be either
            degrees = number(header.get(key))
        if degrees is not None and 0.0 <= degrees < 360.0:
            return degrees
    return None


def _pier_side(header: HeaderValues) -> str | None:
    side = (first_text(header, "PIERSIDE") or "").lower().removeprefix("pier")
    return side if side in ("east", "west") else None


def _site_longitude_deg(header: HeaderValues) -> float | None:
    longitude = first_angle(header, "SITELONG", "LONG-OBS", "OBSGEO-L", "LONGITUD", low=-180.0, high=360.0)
    return longitude - 360.0 if longitude is not None and longitude > 180.0 else longitude


def _software(header: HeaderValues) -> str | None:
    keys = ("SWCREATE", "CREATOR", "PROGRAM", "SOFTWARE", "SWMODIFY", "ORIGIN")
    texts = (first_text(header, key) for key in keys)
    return next((text for text in texts if text and any(sign.isalpha() for sign in text)), None)
