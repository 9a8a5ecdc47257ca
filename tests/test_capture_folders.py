"""Capture folders are found by the traces that each capture program leaves."""

import pytest
from trees import frame, make_files

from nebulift.capture_folders import DEEPEST, find_capture_folders, likely_places
from nebulift.simulate.file_names import frame_path
from nebulift.simulate.night import plan_night
from nebulift.simulate.rig import PROGRAMS

FITS = frame()


def found(home, *places):
    return [
        (folder.path.relative_to(home.parent).as_posix(), folder.program)
        for folder in find_capture_folders([home], places)
    ]


@pytest.mark.parametrize(
    ("tree", "folder", "program"),
    [
        ({"Pictures": {"M31": {"Light": {"a.fits": FITS}}}}, "pi/Pictures", "Ekos"),
        ({"Astro": {"2026-11-20": {"LIGHT": {"a.fits": FITS}}}}, "pi/Astro", "N.I.N.A."),
        ({"ASIAIR": {"Autorun": {"Light": {"M 31": {"a.fit": FITS}}}}}, "pi/ASIAIR", "ASIAIR"),
        ({"share": {"MyWorks": {"M 31_sub": {"a.fit": FITS}}}}, "pi/share/MyWorks", "Seestar"),
        ({"SharpCap Captures": {"2026-11-20": {"a.fits": FITS}}}, "pi/SharpCap Captures", "SharpCap"),
        ({"night": {"a.fits": FITS}}, "pi/night", "frames"),
        ({"night": {"M31": {"L": {"a.fits": FITS}}, "M42": {"L": {"a.fits": FITS}}}}, "pi/night", "frames"),
        ({"Documents": {"astro": {"M31": {"a.fits": FITS}}}}, "pi/Documents/astro", "frames"),
        ({"M31": {"Light": {"a.fits": FITS}}}, "pi/M31", "frames"),  # Ekos writing straight into the home folder
    ],
)
def test_each_program_is_known_by_its_layout(tmp_path, tree, folder, program):
    make_files(tmp_path / "pi", tree)
    assert found(tmp_path / "pi") == [(folder, program)]


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_a_program_has_written_is_found_whatever_its_pattern(tmp_path, program):
    (plan,) = plan_night(1, 1, scenario="clear", program=program)
    path = tmp_path / "pi" / "astro" / frame_path(plan)
    path.parent.mkdir(parents=True)
    path.write_bytes(FITS)

    (folder,) = find_capture_folders([tmp_path / "pi"])

    assert path.is_relative_to(folder.path)
    assert folder.frames == 1


def test_the_folder_told_by_an_indi_driver_is_found_even_when_empty(tmp_path):
    saves = tmp_path / "pi" / "elsewhere"
    saves.mkdir(parents=True)
    text = f'<newTextVector><oneText name="UPLOAD_DIR">\n {saves}\n</oneText></newTextVector>'
    make_files(tmp_path / "pi" / ".indi", {"ZWO CCD ASI2600MM_config.xml": text})

    assert found(tmp_path / "pi") == [("pi/elsewhere", "INDI")]


def test_the_fullest_comes_first_and_none_is_inside_another(tmp_path):
    make_files(
        tmp_path / "pi",
        {
            "few": {"a.fits": FITS},
            "many": {"M31": {"Light": {"a.fits": FITS, "b.fits": FITS, "c.fits": FITS}}, "d.fits": FITS},
        },
    )
    assert [folder.path.name for folder in find_capture_folders([tmp_path / "pi"])] == ["many", "few"]


def test_what_is_no_capture_folder_is_passed_over(tmp_path):
    make_files(
        tmp_path / "pi",
        {
            "photos": {"a.jpg": b"holiday", "b.tif": b"scan"},
            "sorted": {".nebulift-root": b"", "clean": {"a.fits": FITS}},
            ".cache": {"a.fits": FITS},
            "code": {"node_modules": {"a.fits": FITS}},
            "empty": {},
        },
    )
    assert found(tmp_path / "pi") == []


def test_a_home_folder_with_a_stray_frame_is_not_meant_as_a_whole(tmp_path):
    make_files(tmp_path / "pi", {"stray.fits": FITS})
    assert found(tmp_path / "pi") == []


@pytest.mark.parametrize("tree", [{"a.fits": FITS}, {"M31": {"Light": {"a.fits": FITS}}}, {"Autorun": {"Light": {}}}])
def test_a_disk_may_be_the_capture_folder_as_a_whole(tmp_path, tree):
    (tmp_path / "pi").mkdir()
    make_files(tmp_path / "disk", tree)
    assert [folder for folder, _ in found(tmp_path / "pi", tmp_path / "disk")] == ["disk"]


def test_disks_are_looked_through_but_not_without_end(tmp_path):
    near, far = ["a"] * (DEEPEST - 1), ["b"] * (DEEPEST + 2)
    (tmp_path / "pi").mkdir()
    for folders in (near, far):
        folder = tmp_path.joinpath("disk", *folders)
        folder.mkdir(parents=True)
        (folder / "x.fits").write_bytes(FITS)
    assert found(tmp_path / "pi", tmp_path / "disk") == [("disk/a", "frames")]


def test_a_link_that_leads_back_is_not_followed(tmp_path):
    make_files(tmp_path / "pi", {"night": {"Light": {"a.fits": FITS}, "again": tmp_path / "pi"}})
    assert len(found(tmp_path / "pi")) == 1


def test_looking_writes_nothing(tmp_path):
    make_files(tmp_path / "pi", {"night": {"a.fits": FITS}})
    before = sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*"))
    find_capture_folders([tmp_path / "pi"])
    assert sorted((path, path.stat().st_mtime_ns) for path in tmp_path.rglob("*")) == before


def test_every_home_of_the_machine_is_likely_and_root_s_is_not(tmp_path):
    make_files(tmp_path / "home", {"pi": {}, "ann": {}})
    homes, _ = likely_places(tmp_path / "home")
    assert {tmp_path / "home" / "pi", tmp_path / "home" / "ann"} <= set(homes)
