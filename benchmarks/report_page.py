"""The report's page: how long it takes to write, how large it is, how long a browser takes to open it and to answer.

    python benchmarks/report_page.py

Documents of 10,000 steps: an LSTM of 2 x 64 units with made-up weights, and noise in every gate of 2 x 64 and 3 x 512 units,
the hardest to compress. Headless Chromium opens each; then the pointer moves over a heat map, the picture is enlarged and
another gate is chosen. A time is from the event until the browser has laid out and painted the answer.
Needs chromium, chromedriver and selenium.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from duel import machine
from ensue.inspection.page import page_html, write_page
from ensue.inspection.page.document import Document

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tests" / "inspection"))

from some_document import random_document, some_document  # noqa: E402

DOCUMENTS = {
    "2 x 64, a load": lambda: some_document(10_000, 64, 2),
    "2 x 64, noise": lambda: random_document(10_000, 64, 2),
    "3 x 512, noise": lambda: random_document(10_000, 512, 3),
}
MOVES = 100
OPENED = """
const done = arguments[0];
const painted = () => requestAnimationFrame(() => setTimeout(() => done(performance.now())));
(function look() { if (document.documentElement.dataset.ready) painted(); else setTimeout(look, 5); })();
"""
ANSWERS = """
const moves = arguments[0], done = arguments[1];
const slider = document.querySelector('.heat .slider'), heat = document.querySelector('.heat canvas');
const box = slider.getBoundingClientRect();
const painted = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
const timed = async (act) => {
  const began = performance.now();
  await act();
  await painted();
  return performance.now() - began;
};
const move = (i) => slider.dispatchEvent(new PointerEvent('pointermove',
  {clientX: box.left + box.width * ((i * 0.37) % 1), clientY: box.top + 20, pointerType: 'mouse', bubbles: true}));
const key = (name) => slider.dispatchEvent(new KeyboardEvent('keydown', {key: name, bubbles: true}));
const choose = async (gate) => {
  const before = heat.getAttribute('aria-label');
  document.querySelector(`input[value=${gate}]`).click();
  while (heat.getAttribute('aria-label') === before) await new Promise((resolve) => setTimeout(resolve));
};
(async () => {
  const times = {cursor: [], enlarge: [], gate: []};
  for (let i = 0; i < moves; i++) times.cursor.push(await timed(() => move(i)));
  for (const name of ['+', '+', '+', '-', '-', '0']) times.enlarge.push(await timed(() => key(name)));
  for (const gate of ['i', 'o', 'g', 'c', 'h']) times.gate.push(await timed(() => choose(gate)));
  done(times);
})();
"""


def browser() -> Any:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"):
        options.add_argument(argument)
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))


def measure(document: Document, driver: Any, path: Path) -> dict[str, Any]:
    """Seconds to write, megabytes, seconds until everything is drawn, milliseconds until answers are painted."""
    page_html(document)  # what is read from the disk is there
    began = time.perf_counter()
    write_page(document, path)
    wrote = time.perf_counter() - began
    driver.get("about:blank")
    driver.get(path.as_uri())
    opened = driver.execute_async_script(OPENED)
    times = driver.execute_async_script(ANSWERS, MOVES)
    answers = {f"{name}_ms": round(float(np.median(each)), 1) for name, each in times.items()}
    worst = {f"{name}_worst_ms": round(max(each), 1) for name, each in times.items()}
    return {
        "write_seconds": round(wrote, 2),
        "megabytes": round(path.stat().st_size / 1e6, 2),
        "open_seconds": round(opened / 1000, 2),
        **answers,
        **worst,
    }


def main() -> None:
    rows = []
    driver = browser()
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name, make in DOCUMENTS.items():
                rows.append({"document": name, **measure(make(), driver, Path(folder) / "report.html")})
                print(rows[-1], flush=True)
    finally:
        driver.quit()
    lines = [
        "## A report's page",
        "`python benchmarks/report_page.py`: 10,000 steps; asked for: below 8 MB, an answer to the cursor within 100 ms. "
        "Times of answers until painted: median (worst).",
        "",
        "| document | write s | MB | open s | cursor ms | enlarge ms | another gate ms |",
        "|" + "---|" * 7,
    ]
    for row in rows:
        answers = " | ".join(
            f"{row[f'{name}_ms']} ({row[f'{name}_worst_ms']})" for name in ("cursor", "enlarge", "gate")
        )
        lines.append(
            f"| {row['document']} | {row['write_seconds']} | {row['megabytes']} | {row['open_seconds']} | {answers} |"
        )
    (HERE / "results" / "report_page.md").write_text("\n".join(lines) + "\n")
    (HERE / "results" / "report_page.json").write_text(
        json.dumps({"rows": rows, "machine": machine()}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
