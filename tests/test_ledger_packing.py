"""Records are packed with the words that all of them share; what was packed once can be read for ever."""

import json
import zlib
from pathlib import Path

from nebulift_daemon.ledger import rows
from nebulift_daemon.ledger.rows import packed, unpacked


def test_what_all_records_have_in_common_is_not_stored_with_each():
    words = (Path(rows.__file__).parent / "record_words.txt").read_text(encoding="ascii")
    record = json.loads(words[words.rindex('{"path":') :])
    record["path"], record["score"] = "/home/pi/Pictures/M 31/Light/M31_001.fits", 0.9124
    assert unpacked(packed(record)) == record
    assert len(packed(record)) < len(zlib.compress(json.dumps(record).encode(), 9)) / 5


def test_the_words_never_change_since_every_ledger_was_packed_with_them():
    assert zlib.adler32((Path(rows.__file__).parent / "record_words.txt").read_bytes()) == 1216230085
