"""``nebulift review``: the queue in the terminal."""

import pytest
from command_line import nebulift  # noqa: F401 - a fixture
from trees import frame, make_files, names
from workbench import Workbench

from nebulift_daemon.ledger import Ledger


@pytest.fixture
def sorted_night(tmp_path):
    """Two frames in review, one clean, one contaminated; the output folder."""
    bench = Workbench(tmp_path)
    make_files(
        bench.capture,
        {
            "M31": {"a.fits": frame(b"DOUBT 1")},
            "M42": {"a.fits": frame(b"DOUBT 2"), "b.fits": frame(b"DOUBT 3")},
            "c.fits": frame(b"CLEAN"),
            "d.fits": frame(b"TRAIL"),
        },
    )
    bench.sort()
    bench.ledger.close()
    return bench.root


def labels(tmp_path):
    ledger = Ledger.open(tmp_path / "state")
    found = [(label.path.name, label.label, label.kind, label.source) for label in ledger.history.labels()]
    ledger.close()
    return found


def test_the_queue_is_listed_with_score_file_and_reason(nebulift, sorted_night):  # noqa: F811
    called = nebulift("review", "--output", sorted_night)
    assert called.status == 0
    assert f"0.50  {sorted_night}/review/M31/a.fits  undecided" in called.out
    assert len(called.out.splitlines()) == 3
    assert called.err == "3 to review\n"


def test_accepting_and_rejecting_files_the_frames_and_is_remembered(nebulift, tmp_path, sorted_night):  # noqa: F811
    called = nebulift(
        *("review", "--output", sorted_night),
        *("--accept", sorted_night / "review/M31/a.fits"),
        *("--reject", "b.fits", "--kind", "cloud"),
    )
    assert called.status == 0
    assert names(sorted_night) == [
        "clean/M31/a.fits",
        "clean/c.fits",
        "contaminated/M42/b.fits",
        "contaminated/d.fits",
        "review/M42/a.fits",
    ]
    assert labels(tmp_path) == [("a.fits", "clean", None, "terminal"), ("b.fits", "contaminated", "cloud", "terminal")]


def test_a_frame_may_be_named_by_its_place_in_the_capture_folder(nebulift, tmp_path, sorted_night):  # noqa: F811
    assert nebulift("review", "--output", sorted_night, "--reject", tmp_path / "cap/M42/a.fits").status == 0
    assert "contaminated/M42/a.fits" in names(sorted_night)


def test_a_verdict_can_be_corrected_too(nebulift, tmp_path, sorted_night):  # noqa: F811
    assert nebulift("review", "--output", sorted_night, "--accept", sorted_night / "contaminated/d.fits").status == 0
    assert labels(tmp_path) == [("d.fits", "clean", None, "terminal")]


def test_what_people_moved_by_hand_is_noticed_before_the_queue_is_listed(nebulift, tmp_path, sorted_night):  # noqa: F811
    (sorted_night / "review/M31/a.fits").rename(sorted_night / "clean/a.fits")
    assert nebulift("review", "--list", "--output", sorted_night).err == "2 to review\n"
    assert labels(tmp_path) == [("a.fits", "clean", None, "hand")]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--accept", "none.fits"], "none.fits: no frame of the ledger"),
        (["--accept", "a.fits"], "a.fits: 2 frames have this name; write the whole path"),
        (["--kind", "cloud"], "--kind says why a frame is rejected"),
        (["--list", "--accept", "b.fits"], "--list goes alone"),
        (["--reject", "b.fits", "--kind", "ufo"], "'ufo' is not one of"),
    ],
)
def test_what_is_not_understood_is_refused_and_nothing_is_done(nebulift, tmp_path, sorted_night, arguments, expected):  # noqa: F811
    before = names(sorted_night)
    called = nebulift("review", "--output", sorted_night, *arguments)
    assert called.status == 2
    assert expected in called.err
    assert names(sorted_night) == before
    assert labels(tmp_path) == []


def test_one_wrong_name_among_several_decides_nothing(nebulift, sorted_night):  # noqa: F811
    before = names(sorted_night)
    assert nebulift("review", "--output", sorted_night, "--accept", "b.fits", "--accept", "none.fits").status == 2
    assert names(sorted_night) == before


def test_an_empty_queue_says_so(nebulift, tmp_path):  # noqa: F811
    Workbench(tmp_path).ledger.close()
    assert nebulift("review", "--output", tmp_path / "out").err == "nothing to review\n"


def test_where_nothing_was_sorted_there_is_nothing_to_review(nebulift, tmp_path):  # noqa: F811
    assert nebulift("review", "--output", tmp_path).status == 2
