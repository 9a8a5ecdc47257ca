"""Together with other programs: Ekos counts as before, N.I.N.A.'s rejects are left alone, sidecars travel along."""

import re

import pytest
from command_line import nebulift  # noqa: F401 - a fixture
from daemon_process import Daemon, wait_until
from synthetic_night import make_night
from trees import frame, make_files, names
from web_page import Served

from nebulift_daemon.ledger import Ledger
from nebulift_daemon.output_root import OutputRoot
from nebulift_daemon.reviews import OutputTree
from nebulift_daemon.sidecars import SUFFIXES, bring_along

WORDS = {1: b"CLEAN", 2: b"TRAIL", 3: b"CLEAN", 4: b"DOUBT", 5: b"CLEAN", 6: b"TRAIL"}
LIGHTS = "M31/Light/L"


def ekos_name(number):
    """As Ekos' default format %t_%T_%F_%e_%D_%s3 writes it (kstars, placeholderpath.cpp)."""
    return f"M31_Light_L_60_secs_2026-01-01T01-0{number}-00_{number:03d}.fits"


def shown(folder):
    """The names that are not hidden."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def ekos_counts(folder):
    """(frames that Ekos believes to have, number of the next one): it matches every name in the folder of the job.

    The rule: ``^<pattern>_(?<id>\\d+).*$`` over all files, hidden ones left out; the next number is the highest plus
    one (kstars, schedulerutils.cpp and placeholderpath.cpp).
    """
    pattern = re.compile(r"^M31_Light_L_60_secs_[0-9T:-]+_(?P<id>\d+).*$")
    found = [int(match["id"]) for name in shown(folder) if (match := pattern.match(name))]
    return len(found), max(found, default=0) + 1


def ekos_night(sidecars=()):
    files = {ekos_name(number): frame(word + b" %d" % number) for number, word in WORDS.items()}
    beside = {
        ekos_name(number).removesuffix(".fits") + suffix: f"{number}{suffix}" for number in WORDS for suffix in sidecars
    }
    return {"M31": {"Light": {"L": files | beside}}}


@pytest.mark.parametrize("way", ["link", "copy", "symlink", "leave"])
def test_after_a_night_in_a_mode_that_leaves_the_folder_ekos_counts_as_if_we_were_not_there(tmp_path, way):
    filing = dict.fromkeys(("clean", "contaminated", "review"), way)
    with Daemon(tmp_path, filing=filing) as daemon:
        make_files(daemon.capture, ekos_night())
        before = shown(daemon.capture / LIGHTS)
        wait_until(lambda: sum(daemon.status().get("last_24h", {}).get(label, 0) for label in filing) == len(WORDS))
        assert daemon.stop() == 0
        assert ekos_counts(daemon.capture / LIGHTS) == (6, 7)
        assert shown(daemon.capture / LIGHTS) == before


def test_with_contaminated_frames_moved_away_ekos_takes_exactly_these_again(tmp_path):
    with Daemon(tmp_path, filing={"contaminated": "move"}) as daemon:
        make_files(daemon.capture, ekos_night([".json", ".wcs"]))
        wait_until(lambda: len([name for name in daemon.filed() if name.endswith(".fits")]) == len(WORDS))
        lights = daemon.capture / LIGHTS
        # two moved, and their sidecars with them; what stays of the others Ekos counted before us, too
        assert sum(name.endswith(".fits") for name in shown(lights)) == 4
        wait_until(lambda: ekos_counts(lights) == (4 * 3, 6))
        again = lights / ekos_name(6)  # the number of a frame that is gone comes again, with other bytes
        again.write_bytes(frame(b"TRAIL again"))
        wait_until(lambda: not again.exists())
        assert daemon.stop() == 0
    moved = [name for name in names(daemon.output) if "_006" in name]
    assert sorted(name.rpartition("_006")[2] for name in moved) == [".fits", ".json", ".wcs", "~2.fits"]


def test_moving_clean_frames_would_have_ekos_shoot_for_ever_and_the_doctor_says_so(tmp_path, nebulift):  # noqa: F811
    daemon = Daemon(tmp_path, filing={"clean": "move"})
    assert "Ekos counts the frames in its folder" in nebulift("doctor", "--config", daemon.config).out


def test_what_n_i_n_a_has_rejected_is_never_graded_wherever_it_comes_from(tmp_path):
    night = {
        "BAD_M31_001.fits": frame(b"CLEAN 1"),
        "rejected": {"M31_002.fits": frame(b"CLEAN 2")},
        "M31_003.fits_": frame(b"CLEAN 3"),
        "M31_004.fits": frame(b"CLEAN 4"),
    }
    with Daemon(tmp_path) as daemon:
        make_files(daemon.capture, {"2026-11-20": {"LIGHT": night}})
        daemon.has_filed("clean/2026-11-20/LIGHT/M31_004.fits")
        lights = daemon.capture / "2026-11-20" / "LIGHT"
        (lights / "M31_004.fits").rename(lights / "BAD_M31_004.fits")  # its user rejects a frame that we filed
        make_files(lights, {"M31_005.fits": frame(b"CLEAN 5")})
        daemon.has_filed("contaminated/2026-11-20/LIGHT/M31_004.fits", "clean/2026-11-20/LIGHT/M31_005.fits")
        assert daemon.stop() == 0
    ledger = Ledger.open(daemon.state)
    assert ledger.browsing.counts()["all"] == 2
    (label,) = ledger.history.labels()  # a person's decision
    assert (label.path.name, label.label, label.source) == ("M31_004.fits", "contaminated", "capture")
    ledger.close()


@pytest.mark.parametrize("filing", ["copy", "symlink", "leave"])
def test_a_frame_rejected_in_the_capture_program_is_rejected_however_it_was_filed(tmp_path, filing):
    with Daemon(tmp_path, filing={"clean": filing}) as daemon:
        make_files(daemon.capture, {"a.fits": frame(b"CLEAN a")})
        wait_until(lambda: daemon.status().get("last_24h", {}).get("clean") == 1)
        (daemon.capture / "a.fits").rename(daemon.capture / "BAD_a.fits")
        wait_until(lambda: "rejected in the capture program" in daemon.text())
        assert daemon.stop() == 0
        assert daemon.filed() == ([] if filing == "leave" else ["contaminated/a.fits"])
        assert daemon.text().count("rejected in the capture") == 1


def test_who_decided_in_nebulift_is_not_overruled_by_a_rename(tmp_path, nebulift):  # noqa: F811
    with Daemon(tmp_path) as daemon:
        make_files(daemon.capture, {"a.fits": frame(b"DOUBT a")})
        daemon.has_filed("review/a.fits")
        nebulift("review", "--accept", daemon.output / "review/a.fits", "--config", daemon.config)
        (daemon.capture / "a.fits").rename(daemon.capture / "BAD_a.fits")
        make_files(daemon.capture, {"b.fits": frame(b"CLEAN b")})
        daemon.has_filed("clean/a.fits", "clean/b.fits")
        assert daemon.stop() == 0


# -- sidecars ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def moved(tmp_path):
    """A night whose frames were all moved, with sidecars beside the first."""
    sidecars = {"a.json": "j", "a.XMP": "x", "a.fits.wcs": "w", "a.txt": "t", "b.txt": "of b", "notes.txt": "mine"}
    filing = dict.fromkeys(("clean", "contaminated", "review"), "move")
    with Daemon(tmp_path, filing=filing) as daemon:
        make_files(daemon.capture, {"M31": sidecars | {"a.fits": frame(b"DOUBT")}})
        wait_until(lambda: "review/M31/a.fits" in daemon.filed())
        assert daemon.stop() == 0
    return daemon


ALL_OF_A = ["M31/a.XMP", "M31/a.fits", "M31/a.fits.wcs", "M31/a.json", "M31/a.txt"]


def test_sidecars_go_with_the_frame_and_come_back_with_undo(moved, nebulift):  # noqa: F811
    assert sorted(moved.filed("review")) == [f"review/{name}" for name in ALL_OF_A]
    assert names(moved.capture) == ["M31/b.txt", "M31/notes.txt"]
    nebulift("undo", "--since", "1h", "--output", moved.output)
    assert sorted(names(moved.capture)) == sorted([*ALL_OF_A, "M31/b.txt", "M31/notes.txt"])
    assert moved.filed() == []


def test_sidecars_follow_a_decision_and_its_undo(moved):
    with Served(moved.output, moved.state) as page:
        page.decide(1, "accept")
        assert sorted(moved.filed()) == [f"clean/{name}" for name in ALL_OF_A]
        page.undo()
        assert sorted(moved.filed()) == [f"review/{name}" for name in ALL_OF_A]


def test_sidecars_follow_a_frame_that_a_person_moves_by_hand(moved):
    target = moved.output / "contaminated" / "M31"
    target.mkdir()
    (moved.output / "review/M31/a.fits").rename(target / "a.fits")
    ledger = Ledger.open(moved.state)
    OutputTree(ledger, OutputRoot(moved.output, moved.state)).notice()
    ledger.close()
    assert sorted(moved.filed()) == [f"contaminated/{name}" for name in ALL_OF_A]


def test_a_sidecar_replaces_nothing_and_follows_no_link(tmp_path, caplog):
    make_files(tmp_path, {"a": {"x.json": "new", "x.txt": tmp_path / "secret"}, "secret": "s", "b": {"x.json": "old"}})
    assert bring_along(tmp_path / "a" / "x.fits", tmp_path / "b" / "x.fits", "o" * 32) == 0
    assert (tmp_path / "b" / "x.json").read_text() == "old"
    assert (tmp_path / "a" / "x.json").read_text() == "new"
    assert (tmp_path / "a" / "x.txt").is_symlink()
    assert "is there already" in caplog.text


def test_a_numbered_frame_numbers_its_sidecars_and_a_shared_one_stays(tmp_path):
    make_files(tmp_path, {"a": {"x.wcs": "w", "x.fits.json": "j", "y.wcs": "y", "y.xisf": "frame"}, "b": {}})
    assert bring_along(tmp_path / "a" / "x.fits", tmp_path / "b" / "x~2.fits", "o" * 32) == 2
    assert bring_along(tmp_path / "a" / "y.fits", tmp_path / "b" / "y.fits", "o" * 32) == 0
    assert names(tmp_path) == ["a/y.wcs", "a/y.xisf", "b/x~2.fits.json", "b/x~2.wcs"]


def test_a_crash_between_frame_and_sidecar_is_made_good_at_the_next_start(tmp_path):
    filing = dict.fromkeys(("clean", "contaminated", "review"), "move")
    daemon = Daemon(tmp_path, filing=filing)
    with daemon:
        make_files(daemon.capture, {"a.fits": frame(b"CLEAN")})
        daemon.has_filed("clean/a.fits")
        assert daemon.stop() == 0
    make_files(daemon.capture, {"a.json": "late"})  # as if the process had died after the frame's own move
    ledger = Ledger.open(daemon.state)
    with ledger._database.transaction() as writing:
        writing.change(
            "UPDATE frames SET state = 'judged', planned = destination_folder || '/' || destination_name,"
            " destination_folder = NULL, destination_name = NULL"
        )
    ledger.close()
    with daemon:
        daemon.has_filed("clean/a.fits", "clean/a.json")
        assert daemon.stop() == 0


def test_a_sidecar_that_comes_late_follows_unless_a_new_frame_has_taken_the_name(tmp_path, monkeypatch):
    filing = dict.fromkeys(("clean", "contaminated", "review"), "move")
    daemon = Daemon(tmp_path, filing=filing)
    with daemon:
        make_files(daemon.capture, {"a.fits": frame(b"CLEAN a"), "b.fits": frame(b"CLEAN b")})
        daemon.has_filed("clean/a.fits", "clean/b.fits")
        assert daemon.stop() == 0
    make_files(daemon.capture, {"a.wcs": "solved", "b.wcs": "of the new b", "b.fits": frame(b"HANG")})
    with daemon:  # which looks at once; the new b is judged for a second, then goes to review with its own
        wait_until(lambda: "clean/a.wcs" in daemon.filed())
        wait_until(lambda: "review/b.wcs" in daemon.filed())
        assert daemon.stop() == 0
    assert names(daemon.capture) == []
    assert "clean/b.wcs" not in daemon.filed()


def test_a_night_that_is_linked_leaves_sidecars_where_they_are(tmp_path):
    night = make_night(tmp_path, ["review"])
    beside = night.capture / "M31_Light_0000.json"
    beside.write_text("x")
    with Served(night.output, night.state) as page:
        page.decide(1, "accept")
    assert beside.read_text() == "x"
    assert {suffix.lower() for suffix in SUFFIXES} >= {".json", ".xmp", ".wcs", ".txt"}
