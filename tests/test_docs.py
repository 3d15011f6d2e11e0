"""All that is shown is run: the Python, console and TOML blocks of README.md and docs/, in the order of the page.

The examples are such pages too. A page's blocks share one namespace and one folder with what is in the examples' folders and
three small tables: `seattle.csv` (a year and a half of daily temperatures), `sales.csv` (three shops with prices) and
`load.csv` (hours). Training is cut to a few steps. A block that opens with ```python no-run is shown only.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ensue import cli, config
from ensue.cli import reference
from ensue.learn.loop import train

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*/README.md"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *EXAMPLES]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the small tables, and presets that train in a moment."""
    write_tables(tmp_path)
    tiny = {
        name: replace(recipe, hidden_size=8, layers=1, steps=6, ensemble=1, batch_size=8) for name, recipe in PRESETS
    }
    monkeypatch.setattr(config, "PRESETS", tiny)
    for example in (ROOT / "examples").iterdir():
        shutil.copytree(example, tmp_path, dirs_exist_ok=True)
    for task in LEARNED:
        monkeypatch.setattr(f"ensue.learn.{task}.train", briefly)
    monkeypatch.chdir(tmp_path)
    return tmp_path


LEARNED = ("language_model", "classification", "translation", "melody", "ctc", "captioning")


def briefly(module: Any, objective: Any, options: Any, **how: Any) -> Any:
    """The training loop for a few steps, whatever was asked for."""
    few = replace(options, steps=min(options.steps, 4), validate_every=2)
    return train(module, objective, few, **how)


PRESETS = list(config.PRESETS.items())


def write_tables(folder: Path) -> None:
    random = np.random.default_rng(0)
    days = np.datetime64("2023-01-01") + np.arange(540)
    warmth = 12 - 8 * np.cos(2 * np.pi * np.arange(540) / 365) + random.normal(0, 2, 540)
    write_csv(folder / "seattle.csv", "date,temperature", zip(days, warmth.round(1), strict=True))
    write_csv(folder / "sales.csv", "unique_id,ds,y,price", sales(random))
    hours = np.datetime64("2024-01-01T00") + np.arange(24 * 40)
    load = 100 + 20 * np.sin(2 * np.pi * np.arange(hours.size) / 24) + random.normal(0, 3, hours.size)
    write_csv(folder / "load.csv", "ds,load", zip(hours, load.round(2), strict=True))


def sales(random: np.random.Generator) -> Iterator[tuple[object, ...]]:
    for shop in ("north", "south", "west"):
        price = random.choice([1.0, 1.2], 400)
        sold = random.poisson(20 + 5 * np.sin(2 * np.pi * np.arange(400) / 7) - 8 * (price - 1))
        days = np.datetime64("2024-01-01") + np.arange(400)
        yield from ((shop, *row) for row in zip(days, sold, price, strict=True))


def write_csv(path: Path, head: str, rows: Any) -> None:
    path.write_text("\n".join([head, *(",".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_everything_shown_runs(page: Path, folder: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in BLOCK.finditer(text := page.read_text(encoding="utf-8")):
        line = text[: block.start()].count("\n") + 1
        where = f"{page_id(page)}, line {line}"
        language, flags, code = block.groups()
        if "no-run" in flags:
            continue
        if language == "python":
            run_python(code, where, line, namespace)
        elif language == "console":
            run_console(code, where)
        elif language == "toml":
            run_toml(code, folder)


def run_python(code: str, where: str, line: int, namespace: dict[str, Any]) -> None:
    # The empty lines in front make the line numbers of a traceback those of the page.
    with contextlib.redirect_stdout(text_in_memory()):
        exec(compile("\n" * line + code, where, "exec", dont_inherit=True), namespace)


def text_in_memory() -> io.TextIOWrapper[io.BytesIO]:
    """A standard output with a buffer of bytes below, as the real one has."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8")


def run_console(code: str, where: str) -> None:
    for line in code.replace("\\\n", " ").splitlines():
        if not line.startswith("$ ensue"):
            continue
        command, _, target = line.removeprefix("$ ensue").split(" | ")[0].partition(" > ")
        printed, said = text_in_memory(), io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said):
            code_returned = cli.run(shlex.split(command, comments=True))
        assert code_returned == 0, f"{where}: {line}\n{said.getvalue()}"
        if target:
            printed.flush()
            Path(target.strip()).write_bytes(printed.buffer.getvalue())


def run_toml(code: str, folder: Path) -> None:
    path = folder / "shown.toml"
    path.write_text(code, encoding="utf-8")
    config.load_config(path)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page_id(page)} links to {target}"


@pytest.mark.parametrize(
    ("name", "written"), [("cli.md", reference.cli_page), ("configuration.md", reference.configuration_page)]
)
def test_reference_pages_are_what_the_program_writes(name: str, written: Any) -> None:
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert page == written(), "write it anew: python -m ensue.cli.reference"


def test_every_option_has_a_sentence() -> None:
    page = reference.configuration_page()
    for kind in (config.DataOptions, config.TrainOptions, config.Recipe):
        for name in kind.__dataclass_fields__:
            row = re.search(rf"^\| `{name}` \|.*\| ([A-Z][^|]+\.) \|$", page, re.MULTILINE)
            assert row, f"{kind.__name__}.{name} has no sentence"
