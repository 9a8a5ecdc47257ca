"""The header parser and the question whether a FITS file is whole."""

import os
import tracemalloc
from contextlib import suppress

import pytest
from astropy.io import fits
from framefiles import BLOCK, card, empty_primary, fits_bytes, gzip_bytes, header, pixels, table_extension, tiled_bytes
from hypothesis import given, settings
from hypothesis import strategies as st

from nebulift.readers.fits_cards import parse_cards, parse_value
from nebulift.readers.fits_header import data_bytes, data_end_bytes, headers, is_complete, read_header
from nebulift.readers.refusal import CutShort, NotSupported, Refusal

VALUES = (
    st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(-1e30, 1e30, allow_nan=False).map(lambda value: float(f"{value:.12G}"))
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200)
)
KEYS = st.from_regex(r"[A-Z][A-Z0-9_-]{0,7}", fullmatch=True).filter(
    lambda key: (
        key not in {"END", "COMMENT", "HISTORY", "CONTINUE", "SIMPLE", "XTENSION", "EXTEND", "HIERARCH"}
        and not key.startswith(("NAXIS", "BITPIX"))
    )
)


def reader(data):
    return lambda offset, length: data[offset : offset + length]


def parsed(*lines):
    return parse_cards(b"".join(line.encode("latin-1").ljust(80) for line in lines)).values


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=30))
def test_what_astropy_writes_is_read_back_the_same(values):
    written = fits.Header()
    for key, value in values.items():
        written[key] = value
    read = parse_cards(written.tostring(sep="", endcard=False, padding=False).encode("ascii")).values
    for key, value in values.items():
        expected = value.rstrip() if isinstance(value, str) else value
        assert read[key] == expected
        assert isinstance(read[key], bool) == isinstance(value, bool)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000))
def test_no_bytes_break_the_card_parser(junk):
    cards = parse_cards(junk)
    assert all(isinstance(key, str) for key in cards.values)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 5), st.integers(0, 2 * BLOCK))
def test_no_bytes_break_the_header_reader(junk, where, cut):
    good = fits_bytes(pixels(16, 16))
    data = (good[: where * 80] + junk + good[where * 80 + len(junk) :])[: len(good) - cut]
    with suppress(Refusal):
        for found in headers(reader(data)):
            assert data_bytes(found) >= 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("T", True), ("F / no", False), ("42", 42), ("-7 / x", -7), ("1.5", 1.5), ("1.5D3", 1500.0), ("2E-3", 0.002),
        (".5", 0.5), ("'M 31    '", "M 31"), ("'O''Neil / x' / y", "O'Neil / x"), ("''", ""), ("'open", "open"),
        ("Light", "Light"), ("", None), ("/ only a comment", None), ("'  leading'", "  leading"), ("1.5.2", "1.5.2"),
    ],
)  # fmt: skip
def test_a_value_field_is_text_number_or_logical(field, value):
    assert parse_value(field) == value


def test_long_strings_go_on_in_continue_cards():
    assert parsed("NAME    = 'one &'", "CONTINUE  'two &'", "CONTINUE  'three' / done")["NAME"] == "one two three"


def test_a_continue_card_without_ampersand_is_ignored():
    assert parsed("NAME    = 'one'", "CONTINUE  'two'")["NAME"] == "one"


def test_hierarch_keywords_keep_their_long_names():
    assert parsed("HIERARCH ESO DET TEMP = -120.5 / deg")["ESO DET TEMP"] == -120.5


def test_cards_out_of_their_columns_are_understood():
    assert parsed("EXPTIME=5", "gain = 100", "  OFFSET =  3") == {"EXPTIME": 5, "GAIN": 100, "OFFSET": 3}


def test_the_first_of_repeated_keywords_wins_and_contradiction_is_remembered():
    cards = parse_cards(card("GAIN", 1) + card("GAIN", 2) + card("ISO", 3) + card("ISO", 3))
    assert (cards.values["GAIN"], cards.contradicted) == (1, {"GAIN"})


def test_history_is_kept_line_by_line():
    assert parsed("HISTORY one", "HISTORY two")["HISTORY"] == "one\ntwo"


@pytest.mark.parametrize("name", ["Nébuleuse".encode(), "Nébuleuse".encode("latin-1")])
def test_names_in_utf8_and_latin1_are_read(name):
    assert parse_cards((b"OBJECT  = '" + name + b"'").ljust(80)).values["OBJECT"] == "Nébuleuse"


def test_control_characters_never_leave_the_header():
    assert parsed("OBJECT  = '\x1b[31mM\n31'")["OBJECT"] == "?[31mM?31"


def test_a_header_of_several_blocks_says_where_its_data_start():
    found = read_header(reader(header({"SIMPLE": True, **{f"KEY{number}": number for number in range(100)}})), 0)
    assert (found.data_start, found.values["KEY99"]) == (3 * BLOCK, 99)


def test_data_length_follows_the_standard():
    cards = {
        "SIMPLE": True,
        "BITPIX": -32,
        "NAXIS": 3,
        "NAXIS1": 5,
        "NAXIS2": 7,
        "NAXIS3": 2,
        "PCOUNT": 11,
        "GCOUNT": 3,
    }
    found = read_header(reader(header(cards)), 0)
    assert data_bytes(found) == 4 * 3 * (11 + 5 * 7 * 2)
    assert data_end_bytes(found) == BLOCK + data_bytes(found)


def test_random_groups_leave_the_zero_axis_out():
    cards = {
        "SIMPLE": True,
        "BITPIX": 8,
        "NAXIS": 2,
        "NAXIS1": 0,
        "NAXIS2": 10,
        "GROUPS": True,
        "PCOUNT": 2,
        "GCOUNT": 4,
    }
    assert data_bytes(read_header(reader(header(cards)), 0)) == 4 * (2 + 10)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"GIF89a" + bytes(BLOCK), NotSupported),
        (b"", NotSupported),
        (card("SIMPLE", True), CutShort),
        (card("SIMPLE", True) + b" " * 80 * 20_000, Refusal),
    ],
)
def test_what_is_no_header_is_refused(data, error):
    with pytest.raises(error):
        read_header(reader(data), 0)


def test_an_endless_header_costs_little_memory():
    data = card("SIMPLE", True) + card("HISTORY", "x") * 100_000
    tracemalloc.start()
    with pytest.raises(Refusal, match="no END"):
        read_header(reader(data), 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


# whole or not


def whole(tmp_path, data):
    path = tmp_path / "frame.fits"
    path.write_bytes(data)
    return is_complete(path)


def test_every_shorter_beginning_of_a_frame_is_incomplete(tmp_path):
    good = fits_bytes(pixels(20, 30))
    end = BLOCK + 20 * 30 * 2
    for length in [0, 1, 5, 80, 2000, BLOCK - 1, BLOCK, BLOCK + 1, end - 1]:
        assert whole(tmp_path, good[:length]) is False


@pytest.mark.parametrize("missing_padding", [0, 1, 100, 2880 - 1200])
def test_padding_is_not_demanded(tmp_path, missing_padding):
    good = fits_bytes(pixels(20, 30))
    assert whole(tmp_path, good[: len(good) - missing_padding]) is True


def test_a_file_allocated_in_advance_is_incomplete(tmp_path):
    assert whole(tmp_path, bytes(100_000)) is False


def test_an_extension_that_has_begun_must_be_whole(tmp_path):
    good = empty_primary() + fits_bytes(pixels(20, 30), extension=True)
    assert whole(tmp_path, good) is True
    for length in [BLOCK, BLOCK + 4, BLOCK + 100, 2 * BLOCK, len(good) - 1700]:
        assert whole(tmp_path, good[:length]) is False


def test_a_tile_compressed_frame_counts_its_heap(tmp_path):
    good = tiled_bytes(pixels(64, 64))
    assert whole(tmp_path, good) is True
    assert whole(tmp_path, good[: len(good) // 2]) is False


def test_junk_behind_the_last_extension_does_not_matter(tmp_path):
    assert whole(tmp_path, fits_bytes(pixels()) + table_extension() + b"junk" * 100) is True


@pytest.mark.parametrize(
    "data",
    [
        gzip_bytes(fits_bytes(pixels())),
        b"\x89PNG\r\n\x1a\n" + bytes(99),
        header({"SIMPLE": True, "BITPIX": 16, "NAXIS": -1}),
    ],
)
def test_what_the_bytes_cannot_tell_is_none(tmp_path, data):
    assert whole(tmp_path, data) is None


def test_a_missing_file_a_folder_and_a_pipe_are_none(tmp_path):
    pipe = tmp_path / "pipe.fits"
    os.mkfifo(pipe)
    assert [is_complete(path) for path in (tmp_path / "gone.fits", tmp_path, pipe)] == [None, None, None]


@settings(max_examples=150, deadline=None)
@given(
    data=st.binary(max_size=4000), start=st.sampled_from([b"", b"SIMPLE  =                    T", fits_bytes(pixels())])
)
def test_completeness_never_raises(tmp_path_factory, data, start):
    path = tmp_path_factory.mktemp("junk") / "junk.fits"
    path.write_bytes(start + data)
    assert is_complete(path) in (True, False, None)
