"""FITS header cards as Python values: the 80 characters of a card, strings, numbers, CONTINUE and HIERARCH.

After the FITS standard 4.0 (Pence et al. 2010, A&A 524, A42; fits.gsfc.nasa.gov), section 4, but forgiving: what a
capture program wrote wrongly in one card must not cost the frame. Nothing here allocates more than the header is long.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

CARD_BYTES = 80

CardValue: TypeAlias = str | int | float | bool

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[EDed][+-]?\d+)?", re.ASCII)
STRING = re.compile(r"'((?:[^']|'')*)(?:'|$)")
MISPLACED = re.compile(r"\s*([A-Za-z][A-Za-z0-9_-]{0,7})\s*=(.*)", re.DOTALL)  # "EXPTIME=5" without its columns
COMMENTARY = ("COMMENT", "HISTORY")


@dataclass(frozen=True, slots=True)
class Cards:
    """The values of one header: the first of a repeated keyword wins, as in CFITSIO and astropy.

    ``values["HISTORY"]`` and ``values["COMMENT"]`` hold all their lines, joined by line feeds.
    """

    values: Mapping[str, CardValue]
    contradicted: frozenset[str]  # keywords that came again with another value


def parse_cards(block: bytes) -> Cards:
    """The cards of ``block`` up to, not including, END. Never raises: junk is skipped."""
    values: dict[str, CardValue] = {}
    contradicted: set[str] = set()
    remarks: dict[str, list[str]] = {}
    open_key = ""  # the string that a CONTINUE card would go on with
    for card in _texts(block):
        key, value = _parse_card(card)
        if key == "CONTINUE":
            _continue_string(values, open_key, value)
        elif key in COMMENTARY:
            remarks.setdefault(key, []).append(str(value))
        elif value is not None:
            open_key = key
            if values.setdefault(key, value) != value:
                contradicted.add(key)
                open_key = ""
    values.update({key: "\n".join(lines) for key, lines in remarks.items()})
    return Cards(values, frozenset(contradicted))


def end_offset(block: bytes) -> int | None:
    """Byte offset of the END card in ``block``, a whole number of cards; ``None`` when there is none."""
    start = 0
    while (start := block.find(b"END", start)) >= 0:
        if start % CARD_BYTES == 0 and not block[start + 3 : start + CARD_BYTES].strip(b" \0"):
            return start
        start += 1
    return None


def parse_value(text: str) -> CardValue | None:
    """The value in a card's value field, its comment dropped; ``None`` when the field is empty.

    Quoted text loses its quotes and trailing blanks; T and F are booleans; what is neither text nor number nor
    logical stays as text (some programs forget the quotes).
    """
    field = text.strip()
    if field.startswith("'"):
        match = STRING.match(field)
        return match[1].replace("''", "'").rstrip() if match else ""
    field = field.partition("/")[0].strip()
    if field in ("T", "F"):
        return field == "T"
    return _number(field) if NUMBER.fullmatch(field) else field or None


def _number(field: str) -> int | float:
    return int(field) if field.lstrip("+-").isdigit() else float(field.upper().replace("D", "E"))


def _texts(block: bytes) -> Iterator[str]:
    plain = block.isascii()
    for start in range(0, len(block), CARD_BYTES):
        card = block[start : start + CARD_BYTES]
        yield card.decode("ascii") if plain else _forgiving_text(card)


def _forgiving_text(card: bytes) -> str:
    """The card as text: the standard knows ASCII only, programs write UTF-8 and Latin-1 names all the same."""
    try:
        return card.decode("utf-8")
    except UnicodeDecodeError:
        return card.decode("latin-1")


def _parse_card(card: str) -> tuple[str, CardValue | None]:
    key = card[:8].rstrip().upper()
    if key == "HIERARCH" and "=" in card:
        name, _, field = card[8:].partition("=")
        return name.strip().upper(), _clean(parse_value(field))
    if card[8:9] == "=":
        return key, _clean(parse_value(card[9:]))
    if key == "CONTINUE":
        return key, _clean(parse_value(card[8:]))
    if key in COMMENTARY:
        return key, _clean(card[8:].rstrip())
    match = MISPLACED.match(card)
    return (match[1].upper(), _clean(parse_value(match[2]))) if match else ("", None)


def _clean(value: CardValue | None) -> CardValue | None:
    """Text without control characters: it ends up in logs and on pages."""
    if isinstance(value, str) and not value.isprintable():
        return "".join(sign if sign.isprintable() else "?" for sign in value)
    return value


def _continue_string(values: dict[str, CardValue], key: str, more: CardValue | None) -> None:
    begun = values.get(key)
    if isinstance(begun, str) and begun.endswith("&") and isinstance(more, str):
        values[key] = begun[:-1] + more
