"""The colour pattern of a one-shot-colour sensor as it lies in the stored array."""

from nebulift.readers.header_values import HeaderValues, first_text, first_whole_number

PATTERNS = frozenset({"RGGB", "BGGR", "GRBG", "GBRG"})
PATTERN_KEYS = ("BAYERPAT", "COLORTYP", "CFATYPE", "CFA-PAT", "BAYERPATTERN", "BAYER", "FILTER")  # FILTER: PANOPTES
PLAIN_YES = frozenset({"TRUE", "T", "1", "YES"})  # says that there is a pattern, not which


def stored_bayer(header: HeaderValues, height: int) -> str | None:
    """The 2 x 2 pattern of stored row 0, column 0 onwards ("RGGB" ...); ``None`` for a mono camera or X-Trans.

    ``BAYERPAT`` describes the sensor from its top left pixel. ``ROWORDER = 'TOP-DOWN'`` (INDI, KStars, N.I.N.A.,
    APT, SharpCap, MaxIm DL >= 6.23, CCDciel, ASTAP, PixInsight, Siril) says that the first stored row is the top one:
    the pattern holds as written. ``'BOTTOM-UP'`` says that the first stored row is the bottom one: with an even
    number of rows the pattern's two rows change places, with an odd number they do not. Without ``ROWORDER``
    top-down is assumed, because camera drivers deliver the top row first. ``XBAYROFF`` and ``YBAYROFF`` then shift
    the pattern by columns and rows of the stored array. Sources: the definition of the keyword at
    siril.readthedocs.io, "Orientation of FITS images"; Siril src/algos/demosaicing_common, which applies them in
    this order; ``COLORTYP`` is MaxIm DL's older name. A BAYERPAT that only says yes counts as RGGB: what measures
    needs to know that neighbours differ in colour, hardly ever which is which.
    """
    pattern = _named_pattern(header)
    if pattern is None:
        return None
    bottom_up = "BOTTOM" in (first_text(header, "ROWORDER") or "").upper()
    down = int(bottom_up and height % 2 == 0) + (first_whole_number(header, "YBAYROFF", low=-(10**6), high=10**6) or 0)
    across = first_whole_number(header, "XBAYROFF", low=-(10**6), high=10**6) or 0
    return shifted(pattern, across, down)


def shifted(pattern: str, across: int, down: int) -> str:
    """``pattern`` as seen from the pixel ``across`` columns and ``down`` rows further on."""
    return "".join(pattern[(row + down) % 2 * 2 + (column + across) % 2] for row in (0, 1) for column in (0, 1))


def _named_pattern(header: HeaderValues) -> str | None:
    for key in PATTERN_KEYS:
        named = (first_text(header, key) or "").upper().replace(" ", "")
        if named in PATTERNS:
            return named
    plain_yes = header.get("BAYERPAT") is True or (first_text(header, "BAYERPAT") or "").upper() in PLAIN_YES
    return "RGGB" if plain_yes else None
