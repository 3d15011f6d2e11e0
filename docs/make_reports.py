"""Makes the reports and pictures of `how-an-lstm-remembers.md`.

    make reports                              # the sine, Seattle's temperatures, a known lag: about three minutes
    ENSUE_DATA=... make reports               # also an hourly load, if the real data sets are there

The pictures are taken in headless Chromium; without it (or selenium) only the reports are written, and that is said.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ensue
from ensue import demo
from ensue.data.datasets import carried_path
from ensue.data.memory_tasks import KnownLag
from ensue.inspection.networks import inspect_network
from ensue.inspection.subject import NetworkSubject
from ensue.inspection.whole import Inspection
from ensue.learn.memory import learn_known_lag

HERE = Path(__file__).resolve().parent
REPORTS, PICTURES = HERE / "reports", HERE / "pictures"
LAG = 20
WIDTH, NARROW = 1180, 400
SHOWN = {
    "sine": ("sequence", "gates", "memory"),
    "seattle": ("reach", "why"),
    "known_lag": ("gates", "memory", "reach", "why"),
    "load": ("sequence", "gates", "reach"),
}
"""The parts of each report that the page shows."""


def sine() -> Inspection:
    """The wave the project began with; no season is given or looked for, so that the memory has to do it all."""
    wave = demo.sine_wave()[:800]
    forecaster = ensue.Forecaster(
        horizon=50,
        season=[],
        preset="fast",
        steps=demo.STEPS,
        context_length=demo.CONTEXT,
        learning_rate=demo.LEARNING_RATE,
    )
    return forecaster.fit(wave).inspect(wave)


def seattle() -> Inspection:
    """Daily temperatures, carried by the package."""
    table = carried_path("seattle_weather")
    return ensue.Forecaster(horizon=30).fit(table).inspect(table, probe=["temp_min", "precipitation", "wind"])


def known_lag() -> Inspection:
    """A network that answers with what was marked 20 steps ago."""
    learned = learn_known_lag(LAG)
    assert learned.network is not None
    batches = (KnownLag(LAG).batch(128, seed=10**6, step=step) for step in range(100))
    batch = next(each for each in batches if each.x.shape[1] >= 1.6 * LAG)
    names = ("value", "marker")
    subject = NetworkSubject(learned.network, learned.weights, batch.x, batch.target[:, -1], names=names)
    facts = [("Task", f"answer with the value that was marked {LAG} steps before the last")]
    return inspect_network(subject, title=f"A known lag of {LAG} steps", facts=facts)


def load() -> Inspection:
    """Two years of the electricity a state used, half hours joined to hours."""
    import polars

    folder = Path(os.environ["ENSUE_DATA"])
    folder = folder / "forecast" if (folder / "forecast").is_dir() else folder
    table = polars.read_parquet(folder / "pjm_hourly" / "data.parquet").filter(unique_id="AEP").tail(17_520)
    table = table.unique("ds", maintain_order=True).sort("ds").drop("unique_id")
    return (
        ensue.Forecaster(horizon=24).fit(table).inspect(table, steps=2000)
    )  # more would make the file larger, not clearer


def main() -> None:
    REPORTS.mkdir(exist_ok=True)
    PICTURES.mkdir(exist_ok=True)
    wanted: dict[str, Callable[[], Inspection]] = {"sine": sine, "seattle": seattle, "known_lag": known_lag}
    if os.environ.get("ENSUE_DATA"):
        wanted["load"] = load
    else:
        print("ENSUE_DATA is not set: the report of the load is left as it is.")
    chosen = sys.argv[1:] or list(wanted)
    for name in chosen:
        inspection = wanted[name]()
        inspection.report(REPORTS / f"{name}.html")
        print(f"== {name}\n{inspection}", flush=True)
    photograph(chosen)


def photograph(names: list[str]) -> None:
    """Pictures of parts of the reports, and of one whole report in both themes and in a narrow window."""
    try:
        from selenium import webdriver
        from selenium.common.exceptions import WebDriverException
    except ImportError:
        print("selenium is not installed: the pictures are left as they are.")
        return
    options = webdriver.ChromeOptions()
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--hide-scrollbars",
        "--disable-gpu",
        f"--user-data-dir={tempfile.mkdtemp()}",
    ):
        options.add_argument(argument)
    driver = shutil.which("chromedriver")
    try:
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver) if driver else None)
    except WebDriverException as error:
        print(f"Chromium did not start ({error.msg}): the pictures are left as they are.")
        return
    try:
        for name in names:
            browser.set_window_size(WIDTH, 1000)
            browser.get((REPORTS / f"{name}.html").as_uri())
            for section in SHOWN[name]:
                take(browser, f"{name}-{section}", browser.execute_script(BOX, section))
            if name == "seattle":
                whole(browser, name)
    finally:
        browser.quit()


BOX = """const box = document.getElementById(arguments[0]).getBoundingClientRect();
return {x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height}"""


def take(browser: Any, name: str, box: dict[str, float]) -> None:
    """A part of the page as a picture."""
    shot = {"clip": box | {"scale": 1}, "captureBeyondViewport": True, "format": "webp", "quality": 75}
    (PICTURES / f"{name}.webp").write_bytes(b64decode(browser.execute_cdp_cmd("Page.captureScreenshot", shot)["data"]))


def whole(browser: Any, name: str) -> None:
    """The top of a page: light, dark and narrow."""
    for what, width in (("light", WIDTH), ("dark", WIDTH), ("narrow", NARROW)):
        browser.set_window_size(width, 1400)
        if what == "dark":
            browser.execute_script("document.getElementById('theme').click()")
        take(browser, f"{name}-{what}", {"x": 0, "y": 0, "width": width, "height": 1800})


if __name__ == "__main__":
    main()
