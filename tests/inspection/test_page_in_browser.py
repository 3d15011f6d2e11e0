"""The report in a real browser: every picture drawn, one cursor on all of them, keys, themes, narrow windows.

Runs where Chromium, its driver and Selenium are installed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from some_document import random_document, some_document

from ensue.inspection.page import write_page
from ensue.inspection.page.document import Ahead, Curve, Moment, Reach, Read, Similar

selenium = pytest.importorskip("selenium", reason="needs selenium: pip install 'ensue[dev]'")
from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.wait import WebDriverWait  # noqa: E402

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="needs chromium and chromedriver")

STEPS = 600
HOSTILE = "</script><img src=x onerror=document.title='broken'>" + "long" * 30
SECTIONS = ("sequence", "gates", "memory", "reach", "scales", "why", "units", "similar", "probes", "notes")


class Report:
    """A page in the browser, and what a person does to it."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, path: Path, *, width: int = 1280, dark: bool = False) -> Report:
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        self.driver.get_log("browser")
        self.driver.get(path.as_uri())
        self.wait("document.documentElement.dataset.ready || !document.getElementById('warning').hidden")
        # Two frames later all that is drawn once its size is known is drawn.
        self.driver.execute_async_script(
            "const done = arguments[0]; requestAnimationFrame(() => setTimeout(done, 50));"
        )
        return self

    def ask(self, expression: str):
        return self.driver.execute_script(f"return {expression}")

    def wait(self, expression: str) -> None:
        WebDriverWait(self.driver, 20, 0.02).until(lambda _: self.ask(expression), expression)

    def all(self, selector: str):
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str):
        return self.driver.find_element("css selector", selector)

    def show(self, selector: str):
        element = self.one(selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        return element

    def click(self, selector: str) -> None:
        self.show(selector).click()

    def hover(self, selector: str, x: int, y: int = 0) -> ActionChains:
        """Over a place in pixels from an element's middle; may be followed by more."""
        chain = ActionChains(self.driver, duration=20).move_to_element_with_offset(self.show(selector), x, y)
        chain.perform()
        return chain

    def keys(self, selector: str, *keys: str) -> None:
        self.show(selector).send_keys(*keys)

    @property
    def step(self) -> int:
        return int(self.one("#sequence .slider").get_attribute("aria-valuenow"))

    @property
    def panel(self) -> str:
        return self.ask("document.querySelector('#panel').textContent")

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]

    @property
    def overflow(self) -> list[str]:
        """What reaches beyond the window, without what scrolls by itself."""
        return self.ask(
            "[...document.querySelectorAll('body *')].filter((each) => !each.closest('.scroll, .words, .spoken, .skip')"
            " && each.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)"
            ".map((each) => each.outerHTML.slice(0, 80))"
        )

    def colours(self, selector: str) -> int:
        """How many colours there are on a canvas."""
        return self.ask(
            f"(() => {{const c = document.querySelector('{selector}'); const d = new Uint32Array(c.getContext('2d')"
            ".getImageData(0, 0, c.width, c.height).data.buffer); return new Set(d).size;})()"
        )


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    profile = tmp_path_factory.mktemp("profile")
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield browser
    browser.quit()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("report") / "report.html"
    write_page(some_document(STEPS), written)
    return written


@pytest.fixture
def report(driver: webdriver.Chrome, path: Path) -> Iterator[Report]:
    opened = Report(driver).open(path)
    yield opened
    assert opened.complaints() == []


def written(document, folder: Path) -> Path:
    write_page(document, folder / "page.html")
    return folder / "page.html"


# ---- what is drawn ----


def test_every_section_is_drawn_and_nothing_is_fetched(report) -> None:
    assert report.ask("document.documentElement.scrollWidth <= innerWidth")
    for section in SECTIONS:
        assert len(report.one(f"#{section}").text) > 60 or section == "notes", section
    assert report.ask("[...document.querySelectorAll('.absent')].length") == 0
    canvases = report.ask("document.querySelectorAll('canvas[role=img]').length")
    assert canvases == 2 + 2 + 3 + 1  # series and its end; two layers; mean age and two ledgers; moments alike
    blank = report.ask(
        "[...document.querySelectorAll('canvas[role=img]')].filter((c) => new Set(new Uint32Array("
        "c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size < 10).length"
    )
    assert blank == 0
    assert (
        report.ask("[...document.querySelectorAll('svg.picture')].map((each) => each.childElementCount > 5)")
        == [True] * 6
    )
    assert report.ask("performance.getEntriesByType('resource').length") == 0


def test_every_picture_has_a_text_in_its_place(report) -> None:
    labels = report.ask("[...document.querySelectorAll('[role=img]')].map((each) => each.getAttribute('aria-label'))")
    assert all(len(label) > 30 for label in labels)
    (series,) = [label for label in labels if label.startswith("Line chart of load")]
    assert "600 hours from 2012-01-01 00:00 to 2012-01-25 23:00" in series
    assert any(
        label.startswith("Heat map of layer 1, forget gate: 32 units by 600 hours, on average 0.") for label in labels
    )


def test_another_gate_is_another_picture(report) -> None:
    before = report.ask("document.querySelector('.heat canvas').toDataURL()")
    report.keys("input[value=f]", Keys.ARROW_RIGHT)
    report.wait("document.querySelector('.heat canvas').getAttribute('aria-label').includes('input gate')")
    assert report.ask("document.querySelector('.heat canvas').toDataURL()") != before
    assert report.one("#gates .explained").text.startswith("Input gate: 1 writes")


# ---- the cursor ----


def test_the_pointer_moves_one_cursor_on_all_pictures(report) -> None:
    assert report.step == STEPS - 1
    report.hover("#sequence .slider", -100)
    step = report.step
    assert 0 < step < STEPS - 1
    assert set(report.ask("[...document.querySelectorAll('.slider')].map((each) => each.ariaValueNow)")) == {str(step)}
    whole = report.ask(
        "[...document.querySelectorAll('#sequence .plot:first-of-type .cursor, .heat .cursor')]"
        ".map((each) => each.style.transform)"
    )
    assert len(whole) == 5 and len(set(whole)) == 1
    assert f"{step + 1} of 600" in report.panel
    label = some_document(STEPS).sequence.labels[step]
    assert label in report.panel
    before = report.panel
    report.hover("#memory .heat .slider", 150)
    assert report.step > step and report.panel != before


def test_the_panel_tells_what_the_memory_is_made_of(report) -> None:
    layer = some_document(STEPS).layers[1]
    report.keys("#sequence .slider", Keys.HOME, *[Keys.PAGE_DOWN] * 3)
    said = report.all("#panel .panel-said")[1].text
    closed, open_ = int((layer.f[report.step] < 0.1).sum()), int((layer.f[report.step] > 0.9).sum())
    assert f"Forget gates: {closed} closed, {open_} open, of 32." in said
    assert f"Mean age {layer.mean_age[report.step]:.3g} hours".split(".")[0] in said
    shares = [each.text for each in report.all("#panel .panel-layer:nth-of-type(2) .share")]
    for text, share in zip(shares, layer.ledger[report.step], strict=True):
        assert text == "< 1 %" or float(text.split()[0]) == pytest.approx(100 * share, abs=1.0)


def test_keys_move_the_cursor_and_are_answered_aloud(report) -> None:
    report.keys("#sequence .slider", Keys.HOME)
    assert report.step == 0
    report.keys("#sequence .slider", Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_LEFT)
    assert report.step == 1
    report.keys("#sequence .slider", Keys.PAGE_DOWN)
    assert report.step == 1 + 65  # a tenth of 648
    report.keys("#sequence .slider", Keys.END)
    assert report.step == STEPS + 48 - 1
    assert "not read yet: forecast" in report.panel and "90 %" in report.panel
    report.wait("document.getElementById('spoken').textContent.includes('forecast')")
    assert report.one("#sequence .slider").get_attribute("aria-valuetext") == "2012-01-27 23:00"


def test_up_and_down_choose_a_unit_and_read_it_off(report) -> None:
    report.keys(".heat .slider", Keys.HOME, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    layer = some_document(STEPS).layers[0]
    unit = np.argsort(-layer.half_life)[1]
    said = report.one(".heat .readout").text
    assert said.startswith(f"Unit {unit}, half-life ")
    assert float(said.rsplit("= ")[1]) == pytest.approx(layer.f[0, unit], abs=0.003)


def test_a_click_pins_and_another_lets_go(report) -> None:
    report.hover("#sequence .slider", -100).click().perform()
    pinned = report.step
    report.hover("#sequence .slider", 50)
    assert report.step == pinned
    assert report.one(".pin").get_attribute("aria-pressed") == "true"
    report.hover("#sequence .slider", -100).click().perform()
    report.hover("#sequence .slider", 50)
    assert report.step > pinned


def test_a_drag_enlarges_and_a_key_shows_the_whole_again(report) -> None:
    assert "The whole is shown." in report.panel
    chain = report.hover(".heat .slider", -100)
    chain.click_and_hold().move_by_offset(80, 0).release().perform()
    shown = int(report.one(".panel-shown").text.split()[0])
    assert 40 < shown < 120
    report.keys(".heat .slider", "+")
    assert int(report.one(".panel-shown").text.split()[0]) == pytest.approx(shown / 2, abs=1)
    report.keys(".heat .slider", "0")
    assert "The whole is shown." in report.panel


def test_a_moment_is_jumped_to(report) -> None:
    report.click("#gates .moments button")
    assert report.step == STEPS // 3
    assert report.one(".pin").get_attribute("aria-pressed") == "true"


def test_moments_alike_follow_the_one_chosen(report) -> None:
    assert report.one("#similar .others li:first-child button").text == "2012-01-24 23:00"
    report.click("#similar .choose button")
    assert report.step == STEPS // 2
    assert report.one("#similar .others li:first-child button").text == "2012-01-12 12:00"
    report.click("#similar .others button")
    assert report.step == STEPS // 2 - 24


def test_of_many_moments_the_nearest_to_the_pinned_one_is_shown(driver, tmp_path) -> None:
    many = [Similar(step, [step // 2], [0.9]) for step in range(10, 600, 10)]
    report = Report(driver).open(written(some_document(STEPS, 4, 1, similar=many), tmp_path))
    labels = some_document(STEPS).sequence.labels
    report.keys("#sequence .slider", Keys.HOME, Keys.ENTER, *[Keys.ARROW_RIGHT] * 28)
    assert report.one("#similar .measured:not(:first-of-type)").text.endswith(f"like that of {labels[30]} at:")
    report.click("#similar .others button")
    assert report.step == 15
    assert report.ask("document.querySelector('#similar select').value") == "2"
    report.keys("#similar select", Keys.ARROW_DOWN)
    assert report.step == 40
    assert report.complaints() == []


def test_units_are_sorted_with_the_keyboard(report) -> None:
    first = "#units tbody tr:first-child td:nth-child({})"
    assert len(report.all("#units tbody tr")) == 20
    heads = [each.text for each in report.all("#units th")]
    assert heads[2].startswith("Half-life") and report.all("#units th")[2].get_attribute("aria-sort") == "descending"
    longest = report.one(first.format(3)).text
    report.keys("#units th:nth-child(3) button", Keys.ENTER)
    assert report.all("#units th")[2].get_attribute("aria-sort") == "ascending"
    assert float(report.one(first.format(3)).text) < float(longest.replace(",", ""))
    report.keys("#units > div > button", Keys.ENTER)
    assert len(report.all("#units tbody tr")) == 64


# ---- themes and windows ----


def test_the_theme_follows_the_system_and_the_button(driver, path) -> None:
    report = Report(driver).open(path, dark=True)
    ground = "getComputedStyle(document.body).backgroundColor"
    assert report.ask("document.documentElement.dataset.theme") == "dark"
    report.click("input[value=g] + span")
    report.wait("document.querySelector('.heat canvas').getAttribute('aria-label').includes('candidate')")
    dark, picture = report.ask(ground), report.ask("document.querySelector('.heat canvas').toDataURL()")
    report.keys("#theme", Keys.ENTER)
    assert report.ask("document.documentElement.dataset.theme") == "light"
    assert report.one("#theme").get_attribute("aria-pressed") == "false"
    assert report.ask(ground) != dark
    assert report.ask("document.querySelector('.heat canvas').toDataURL()") != picture
    assert report.complaints() == []


def test_a_narrow_window_needs_no_sideways_scrolling(driver, path) -> None:
    report = Report(driver).open(path, width=400)
    assert report.ask("document.documentElement.scrollWidth === document.documentElement.clientWidth")
    assert report.overflow == []
    assert not report.one("#panel .ledger").is_displayed()
    report.click("#panel .more")
    assert report.one("#panel .ledger").is_displayed()
    assert report.one("#panel .more").get_attribute("aria-expanded") == "true"
    assert report.colours(".heat canvas") > 10
    assert report.complaints() == []


# ---- unusual documents ----


def test_hostile_texts_stay_texts(driver, tmp_path) -> None:
    document = some_document(60, 4, 1)
    labels = [HOSTILE, *document.sequence.labels[1:]]
    layer = replace(document.layers[0], name=HOSTILE, text=HOSTILE, moments=[Moment(0, HOSTILE)])
    hostile = replace(
        document, title=HOSTILE, facts=[(HOSTILE, HOSTILE)], summary=[HOSTILE], notes=[HOSTILE], layers=[layer],
        sequence=replace(document.sequence, name=HOSTILE, labels=labels),
        units=[replace(each, follows=HOSTILE) for each in document.units],
        probes=[replace(each, column=HOSTILE) for each in document.probes],
    )  # fmt: skip
    report = Report(driver).open(written(hostile, tmp_path), width=400)
    assert report.ask("document.querySelectorAll('img').length") == 0
    assert report.driver.title == HOSTILE
    assert report.one("h1").text == HOSTILE
    assert report.ask("document.documentElement.scrollWidth === document.documentElement.clientWidth")
    assert report.overflow == []
    assert report.complaints() == []


def test_what_was_not_measured_points_to_the_notes(driver, tmp_path) -> None:
    nothing = {"ahead": None, "reach": None, "why": [], "units": [], "similar": [], "probes": [], "layers": []}
    document = some_document(60, 4, 1, notes=["No gradients without PyTorch."])
    report = Report(driver).open(written(replace(document, **nothing), tmp_path))
    absent = [each.text for each in report.all(".absent")]
    assert absent == ["Not part of this report: the notes say why."] * 8
    assert report.colours("#sequence canvas") > 5
    assert report.complaints() == []


def test_words_are_the_sequence(driver, tmp_path) -> None:
    words = ("the network reads word by word and remembers some of them " * 20).split()
    document = some_document(len(words), 4, 1)
    read = Read("text", words, None, "word")
    report = Report(driver).open(written(replace(document, sequence=read, ahead=None, similar=[]), tmp_path))
    report.keys(".words", Keys.HOME, Keys.ARROW_RIGHT)
    assert report.one(".words .here").text == "network"
    assert report.one(".panel-label").text == "network"
    report.hover(".words span:nth-child(4)", 0)
    assert report.one(".panel-label").text == words[3]
    assert report.complaints() == []


@pytest.mark.parametrize("steps", [1, 2])
def test_a_sequence_of_a_step_or_two(driver, tmp_path, steps) -> None:
    document = some_document(steps, 1, 1, ahead=Ahead(["later"], np.array([1.0])))
    report = Report(driver).open(written(document, tmp_path))
    report.keys("#sequence .slider", Keys.HOME, Keys.ARROW_RIGHT, "+", "-", "0")
    assert report.step == 1
    assert report.complaints() == []


def test_gaps_and_nothing_held(driver, tmp_path) -> None:
    document = some_document(120, 4, 1)
    values = document.sequence.values.copy()
    values[10:] = np.nan
    values[50] = 1.0
    age = document.layers[0].mean_age.copy()
    age[:20] = np.nan
    layer = replace(document.layers[0], mean_age=age, half_life=np.array([np.inf, np.nan, 3.0, 0.5]))
    sequence = replace(document.sequence, values=values, expected=None)
    report = Report(driver).open(written(replace(document, sequence=sequence, layers=[layer]), tmp_path))
    report.keys("#sequence .slider", Keys.HOME, *[Keys.ARROW_RIGHT] * 12)
    assert "missing" in report.panel and "Holds nothing." in report.panel
    assert report.complaints() == []


def test_an_old_browser_is_told_and_keeps_the_texts(driver, path) -> None:
    script = {"source": "delete globalThis.DecompressionStream"}
    added = driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
    try:
        report = Report(driver).open(path)
        assert report.one("#warning").text == (
            "This browser cannot unpack the pictures of this report (it has no DecompressionStream): open it in a newer "
            "one. The texts are complete."
        )
        assert "Nine tenths" in report.one("#summary").text
        assert report.complaints() == []
    finally:
        driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_one_lag_that_towers_above_the_rest_leaves_them_visible(driver, tmp_path) -> None:
    lags, values = np.arange(40.0), np.full(40, 1e-4)
    values[[0, 7, 20]] = 0.99, 0.01, -1e-6
    reach = Reach([Curve("gradients", "", lags, values, "share")], {"all of it": 7.0}, (7,), "")
    report = Report(driver).open(written(some_document(60, 2, 1, reach=reach), tmp_path))
    said = report.one("#reach .axis-name").text
    assert said == "share (logarithmic; what is smaller than 0.0001 stands at the bottom)"
    marks = report.ask(
        "[...document.querySelectorAll('#reach .picture .curve circle')].map((each) => Number(each.getAttribute('cy')))"
    )
    assert marks[0] < marks[7] < marks[1] == max(marks)
    assert report.complaints() == []


def test_512_units_and_10_000_steps_open_and_answer(driver, tmp_path) -> None:
    report = Report(driver).open(written(random_document(10_000, 512, 2), tmp_path))
    report.wait(
        "document.querySelector('.heat canvas').getAttribute('aria-label').includes('512 units by 10,000 steps')".replace(
            "steps", "hours"
        )
    )
    assert report.colours(".heat canvas") > 100
    report.hover(".heat .slider", 30, 10)
    assert 0 < report.step < 9_999
    assert report.one(".heat .readout").text.startswith("Unit ")
    assert report.complaints() == []


def test_a_report_without_a_forecast_says_nothing_of_one(driver, tmp_path) -> None:
    shown = Report(driver).open(written(replace(some_document(60, 4, 1), ahead=None), tmp_path))
    body = shown.one("#sequence").text
    assert "This is what the network read, step by step." in body
    assert "null" not in body
    assert "Orange" not in body
