"""A person's way through the queue in a real browser: by keyboard, by finger, without a script. Needs Chromium."""

import re
import shutil

import pytest
from synthetic_night import make_night
from web_page import Served

playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def night(tmp_path):
    return make_night(tmp_path, ["clean", "review", "contaminated", "review", "clean", "review"])


@pytest.fixture
def page(night):
    with Served(night.output, night.state) as served:
        yield served


@pytest.fixture
def tab(chromium, page):
    """A browser's tab on the page; whatever it complains about fails the test."""
    complaints = []
    context = chromium.new_context()
    tab = context.new_page()
    tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.goto(page.address)
    yield tab
    context.close()
    assert complaints == []


def labels(night):
    ledger = night.ledger()
    found = [(label.frame_id, label.label, label.kind) for label in ledger.history.labels()]
    ledger.close()
    return found


def frame_of(tab):
    return int(tab.url.split("/frame/")[1].split("?")[0])


def press(tab, key, expected_frame):
    tab.keyboard.press(key)
    tab.wait_for_url(f"**/frame/{expected_frame}?*")


def test_the_whole_queue_by_keyboard(tab, night):
    assert frame_of(tab) == 2
    press(tab, "ArrowRight", 4)
    press(tab, "k", 2)
    press(tab, "a", 4)
    press(tab, "2", 6)  # contaminated, because of the second cause: cloud
    press(tab, "u", 4)
    press(tab, "r", 6)
    tab.keyboard.press("a")
    tab.wait_for_selector("text=Nothing waits for you")
    assert labels(night) == [(2, "clean", None), (4, "contaminated", None), (6, "clean", None)]


def test_the_digits_name_the_causes_that_the_help_tells(tab, night):
    tab.keyboard.press("?")
    assert tab.locator("#help").is_visible()
    told = dict(zip(tab.locator(".keys dt").all_inner_texts(), tab.locator(".keys dd").all_inner_texts(), strict=True))
    assert told["1"] == "contaminated: trail"
    assert told["0"] == "contaminated: off target"
    tab.keyboard.press("a")  # nothing is decided behind the help
    tab.keyboard.press("Escape")
    press(tab, "0", 4)
    assert labels(night) == [(2, "contaminated", "off_target")]


def test_the_drawing_is_hidden_and_stays_so_on_the_next_frame(tab):
    drawing = tab.locator("#picture .drawing")
    assert drawing.is_visible()
    tab.keyboard.press("o")
    press(tab, "s", 4)
    assert not tab.locator("#picture .drawing").is_visible()
    tab.keyboard.press("o")
    assert tab.locator("#picture .drawing").is_visible()


def test_one_finding_is_hidden_alone(tab):
    eye = tab.locator(".eye").first
    drawn = tab.locator('#picture g[data-finding="0"]')
    assert drawn.is_visible()
    eye.click()
    assert not drawn.is_visible()
    assert eye.get_attribute("aria-pressed") == "false"
    eye.click()
    assert drawn.is_visible()


def test_the_session_s_curves_lead_to_the_frames(tab):
    tab.wait_for_selector(".curves")
    assert tab.locator(".curves .here").count() == 1
    tab.locator(".curves a").nth(4).click(force=True)
    tab.wait_for_url("**/frame/5?*")
    tab.wait_for_selector(".curves")


def test_a_frame_that_comes_while_the_sheet_is_open_is_told(tab, page, night):
    tab.goto(page.address + "/browse?list=queue")
    tab.wait_for_timeout(300)  # the first look at the counts
    assert not tab.locator(".fresh").is_visible()
    ledger = night.ledger()
    with ledger._database.transaction() as writing:
        writing.change("UPDATE frames SET label = 'review' WHERE id = 3")
    ledger.close()
    tab.wait_for_selector("text=1 new frame here: show it", timeout=15000)
    tab.get_by_text("1 new frame here").click()
    tab.wait_for_load_state("load")
    assert tab.locator(".pick").count() == 4


def test_the_bar_for_chosen_frames_shows_only_when_some_are(tab, page):
    tab.goto(page.address + "/browse?list=all")
    assert not tab.locator(".chosen").is_visible()
    tab.locator(".pick input").first.click()
    assert tab.locator(".chosen").is_visible()


def test_blinking_shows_the_neighbour_while_the_key_is_held(tab):
    image = tab.locator("#picture image")
    own = image.get_attribute("href")
    tab.keyboard.down("b")
    assert image.get_attribute("href") != own
    tab.keyboard.up("b")
    assert image.get_attribute("href") == own


def test_zoom_fetches_the_frame_at_its_own_size(tab):
    tab.keyboard.press("z")
    part = tab.locator("#picture image").nth(1)
    assert part.get_attribute("href").endswith("/0-0.jpg")
    assert (part.get_attribute("width"), part.get_attribute("height")) == ("96", "64")
    tab.keyboard.press("Escape")
    part.wait_for(state="detached")
    assert tab.locator("#picture image").count() == 1


def test_on_a_sheet_shift_chooses_everything_between_and_one_press_decides(tab, page, night):
    tab.goto(page.address + "/browse?list=all")
    tab.locator(".pick input").nth(1).click()
    tab.locator(".pick input").nth(3).click(modifiers=["Shift"])
    assert tab.locator("[data-chosen]").inner_text() == "3 frames are"
    tab.select_option(".chosen select", "cloud")
    tab.get_by_role("button", name="Contaminated").click()
    tab.wait_for_selector("text=3 frames decided.")
    tab.wait_for_load_state("load")
    assert sorted(labels(night)) == [(frame_id, "contaminated", "cloud") for frame_id in (3, 4, 5)]
    tab.keyboard.press("u")
    tab.wait_for_url(re.compile(r"/browse\?list=all$"))
    assert labels(night) == []


def test_keys_with_ctrl_and_keys_in_a_choice_decide_nothing(tab, night):
    tab.keyboard.press("Control+a")
    tab.locator("#decide select").focus()
    tab.keyboard.press("r")
    tab.wait_for_timeout(200)
    assert labels(night) == []


def test_by_finger_on_a_phone_nothing_hangs_over_the_edge(chromium, page, night):
    context = chromium.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    tab = context.new_page()
    for path in ("/frame/2", "/browse?list=all", "/login", "/nowhere"):
        tab.goto(page.address + path)
        assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
    tab.goto(page.address + "/frame/6?list=all")
    tab.wait_for_selector(".curves .here", state="attached")  # a line without width is "hidden" to the browser's driver
    assert 0 <= tab.locator(".curves .here").bounding_box()["x"] <= PHONE["width"], "the frame is seen on the curves"
    tab.goto(page.address)
    tab.get_by_role("button", name="Contaminated").tap()
    tab.wait_for_url("**/frame/4?*")
    context.close()
    assert labels(night) == [(2, "contaminated", None)]


def test_without_a_script_frames_can_be_decided_all_the_same(chromium, page, night):
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(page.address)
    tab.select_option("select[name=cause]", "trailed")
    tab.get_by_role("button", name="Contaminated").click()
    tab.wait_for_url("**/frame/4?*")
    context.close()
    assert labels(night) == [(2, "contaminated", "trailed")]
