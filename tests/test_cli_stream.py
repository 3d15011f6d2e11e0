"""`ensue stream`: what it answers is what a stream in Python answers, and whatever ends it leaves a state to go on from."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import ensue
from ensue import cli
from ensue.cli.streaming.lines import NumberLines
from ensue.errors import DataError, ModelFileError
from ensue.runtime.stream import ForecastStream

TINY: dict[str, Any] = {"horizon": 4, "hidden_size": 4, "layers": 1, "batch_size": 4, "steps": 2, "season": [6]}
HOURS = np.datetime64("2024-01-01T00", "s") + np.arange(300) * np.timedelta64(1, "h")
VALUES = (20 + 5 * np.sin(np.arange(300)) + np.arange(300) % 6).round(2)
BANDS = ["ensue", "ensue-lo-80", "ensue-hi-80", "ensue-lo-95", "ensue-hi-95"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small models: hours, positions, shops with covariates, shops side by side."""
    folder = tmp_path_factory.mktemp("models")
    hours = pl.DataFrame({"ds": HOURS[:100].astype("datetime64[us]"), "load": VALUES[:100]})
    ensue.Forecaster(**TINY).fit(hours).save(folder / "hours.ensue")
    ensue.Forecaster(**TINY).fit(VALUES[:100]).save(folder / "plain.ensue")
    ensue.Forecaster(**TINY, id="shop", past=["sky"], static=["kind"]).fit(shops(60)).save(folder / "shops.ensue")
    priced = hours.with_columns(price=pl.Series(VALUES[100:200]))
    ensue.Forecaster(**TINY, target="load", future=["price"]).fit(priced).save(folder / "priced.ensue")
    wide = pl.DataFrame({"ds": HOURS[:100].astype("datetime64[us]"), "north": VALUES[:100], "south": VALUES[100:200]})
    ensue.Forecaster(**TINY).fit(wide).save(folder / "wide.ensue")
    return folder


def shops(days: int) -> pl.DataFrame:
    parts = []
    for number, shop in enumerate(("north", "south")):
        random = np.random.default_rng(number)
        parts.append(
            pl.DataFrame(
                {
                    "shop": [shop] * days,
                    "ds": np.datetime64("2024-01-01") + np.arange(days),
                    "sold": random.poisson(20, days),
                    "sky": random.choice(["clear", "rain"], days),
                    "kind": ["big" if number else "small"] * days,
                }
            )
        )
    return pl.concat(parts)


@pytest.fixture
def stream(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `ensue stream` on a text: exit code, lines of the answer, lines on stderr."""
    monkeypatch.chdir(tmp_path)

    def run(text: str, model: str, *options: str) -> tuple[int, list[str], list[str]]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
        code = cli.run(["stream", "-m", str(models / f"{model}.ensue"), *options])
        printed = capsys.readouterr()
        return code, printed.out.splitlines(), printed.err.splitlines()

    return run


def column(lines: Sequence[str], name: str) -> list[float]:
    """The numbers of a column of CSV; NaN where a cell is empty."""
    place = lines[0].split(",").index(name)
    return [float(line.split(",")[place] or "nan") for line in lines[1:]]


def medians(models: Path, name: str, values: Sequence[float], **first: Any) -> np.ndarray:
    """What a stream in Python expected of each value, NaN up to the first that was seen."""
    stream = ensue.load(models / f"{name}.ensue").stream()
    expected = stream.update(values, **first)[:, stream.levels.index(0.5)]
    expected[: int(np.argmax(np.isfinite(values))) + 1] = np.nan
    return expected


def close(given: Sequence[float], wanted: Sequence[float] | np.ndarray) -> bool:
    # Values read together and one by one differ in the last bits of the network's float32.
    return np.allclose(given, wanted, rtol=1e-5, atol=1e-4, equal_nan=True)


def numbers(first: int, after: int) -> str:
    return "".join(f"{value}\n" for value in VALUES[first:after])


def table(first: int, after: int, head: bool = True) -> str:
    rows = [f"{hour},{value}\n" for hour, value in zip(HOURS[first:after], VALUES[first:after], strict=True)]
    return "".join(["ds,load\n"] * head + rows)


# ---- kinds of lines ----


def test_numbers_are_answered_as_a_stream_in_python_does(stream: Any, models: Path) -> None:
    code, lines, said = stream(numbers(0, 50), "plain")
    assert (code, said) == (0, ["50 values read."])
    assert lines[0].split(",") == ["y", *BANDS]
    assert column(lines, "y") == VALUES[:50].tolist()
    assert close(column(lines, "ensue"), medians(models, "plain", VALUES[:50]))
    assert all(low <= high for low, high in zip(column(lines, BANDS[1])[3:], column(lines, BANDS[2])[3:], strict=True))


def test_numbers_with_a_start_have_times(stream: Any, models: Path) -> None:
    code, lines, _ = stream(numbers(0, 30), "hours", "--start", "2024-01-01", "--levels", "80")
    assert code == 0
    assert lines[0] == "ds,load,ensue,ensue-lo-80,ensue-hi-80"
    assert [line.split(",")[0] for line in lines[1:3]] == ["2024-01-01 00:00:00", "2024-01-01 01:00:00"]
    assert close(column(lines, "ensue"), medians(models, "hours", VALUES[:30], time="2024-01-01"))


@pytest.mark.parametrize("missing", ["", "nan", "NA", "null"])
def test_a_missing_number_is_a_step_without_a_value(stream: Any, models: Path, missing: str) -> None:
    code, lines, said = stream(f"{missing}\n{numbers(0, 9)}{missing}\n{numbers(9, 12)}".rstrip("\n"), "plain")
    assert (code, said) == (0, ["14 values read."])
    values = [np.nan, *VALUES[:9], np.nan, *VALUES[9:12]]
    assert close(column(lines, "y"), values)
    assert close(column(lines, "ensue"), medians(models, "plain", values))


def test_csv_by_the_names_of_its_header(stream: Any, models: Path) -> None:
    rows = [f"x;{value};{hour}".replace(".", ",") for hour, value in zip(HOURS[:20], VALUES[:20], strict=True)]
    code, lines, _ = stream("\r\n".join(["note;load;ds", *rows, "", "note;load;ds"]), "hours")
    assert code == 0
    assert lines[0].split(",") == ["ds", "load", *BANDS]
    assert lines[1] == "2024-01-01T00:00:00,20,,,,,"
    assert close(column(lines, "ensue"), medians(models, "hours", VALUES[:20], time="2024-01-01"))


def test_rows_left_out_are_a_gap(stream: Any, models: Path) -> None:
    code, lines, _ = stream(table(0, 10) + table(14, 20, head=False), "hours")
    assert code == 0
    values = np.where((np.arange(20) >= 10) & (np.arange(20) < 14), np.nan, VALUES[:20])
    expected = medians(models, "hours", values, time="2024-01-01")
    assert close(column(lines, "ensue"), np.r_[expected[:10], expected[14:]])


def test_csv_without_a_header_is_told(stream: Any) -> None:
    code, lines, said = stream(table(0, 5, head=False), "hours")
    assert (code, len(lines), said[0]) == (0, 6, "- no header: the cells are read as ds,load.")
    other = "".join(f"{value},{hour}\n" for hour, value in zip(HOURS[:5], VALUES[:5], strict=True))
    assert stream(other, "hours", "--columns", "load,ds")[1] == lines
    assert stream("load,ds\n" + other, "hours", "--columns", "load,ds")[1] == lines
    assert stream(other, "hours")[::2] == (
        1,
        [
            "ensue: The header has no column 'load': name the columns with --columns if there is no header, or "
            "choose from '20.0', '2024-01-01T00:00:00'."
        ],
    )


def test_a_stream_for_each_series(stream: Any, models: Path) -> None:
    frame = shops(30).sort("ds", "shop")
    code, lines, said = stream(frame.write_csv(), "shops")
    assert (code, said) == (0, ["60 values read."])
    assert lines[0].split(",")[:3] == ["shop", "ds", "sold"]
    assert [tuple(line.split(",")[:3]) for line in lines[1:]] == [
        (row["shop"], str(row["ds"]), str(row["sold"])) for row in frame.iter_rows(named=True)
    ]
    model = ensue.load(models / "shops.ensue")
    kinds, skies = model.schema.static[0].categories, model.schema.past[0].categories
    assert kinds is not None and skies is not None
    for place, (shop, kind) in enumerate((("north", "small"), ("south", "big"))):
        own = frame.filter(shop=shop)
        twin = model.stream(static=[1 + kinds.index(kind)])
        sky = [[1 + skies.index(each)] for each in own["sky"]]
        expected = twin.update(own["sold"].to_numpy(), time="2024-01-01", past=sky)[:, twin.levels.index(0.5)]
        assert close(column(lines, "ensue")[place::2][1:], expected[1:])


def test_json_lines_in_and_out(stream: Any, models: Path) -> None:
    rows = [{"load": value, "ds": str(hour)} for hour, value in zip(HOURS[:8], VALUES[:8], strict=True)]
    text = "\n".join(map(json.dumps, rows)) + "\n\nnull\n7.5\n"
    code, lines, _ = stream(text, "hours", "--horizon", "2")
    answers = [json.loads(line) for line in lines]
    assert code == 0
    assert [answer["load"] for answer in answers] == [*VALUES[:8], None, 7.5]
    assert list(answers[5]) == ["ds", "load", *BANDS, "forecast"]
    assert answers[0]["ensue"] is None
    assert answers[9]["ds"] == "2024-01-01T09:00:00"
    assert [each["ds"] for each in answers[7]["forecast"]] == ["2024-01-01T08:00:00", "2024-01-01T09:00:00"]
    twin = ensue.load(models / "hours.ensue").stream()
    twin.update(VALUES[:8], time="2024-01-01")
    median = twin.forecast(2)[:, twin.levels.index(0.5)]
    assert close([each["ensue"] for each in answers[7]["forecast"]], median)
    assert stream(table(0, 8), "hours", "--horizon", "2", "--json")[1] == lines[:8]


def test_beside_a_bare_number_all_is_unknown(stream: Any, models: Path) -> None:
    prices = [None, 11.0, None, 12.5, 9.0, None]
    rows = [{"load": value, "price": price} for value, price in zip(VALUES[:6], prices, strict=True)]
    text = "".join(f"{row['load'] if row['price'] is None else json.dumps(row)}\n" for row in rows)
    code, lines, _ = stream(text, "priced", "--start", "2024-01-01", "--format", "json")
    assert code == 0
    told = [[np.nan if price is None else price] for price in prices]
    expected = medians(models, "priced", VALUES[:6], time="2024-01-01", future=told)
    assert close([json.loads(line)["ensue"] for line in lines[3:]], expected[3:])


def test_forecasts_below_every_third_value(stream: Any, models: Path) -> None:
    code, lines, _ = stream(numbers(0, 7), "plain", "--horizon", "2", "--every", "3", "--levels", "80")
    assert code == 0
    assert lines[0] == "ahead,y,ensue,ensue-lo-80,ensue-hi-80"
    assert column(lines, "ahead") == [0, 0, 0, 1, 2, 0, 0, 0, 1, 2, 0]
    twin = ensue.load(models / "plain.ensue").stream()
    twin.update(VALUES[:6])
    assert close(column(lines, "ensue")[8:10], twin.forecast(2)[:, twin.levels.index(0.5)])


def test_nothing_is_forecast_before_a_value_was_seen(stream: Any) -> None:
    code, lines, _ = stream("nan\nnan\n5\n", "plain", "--horizon", "1")
    assert (code, column(lines, "ahead")) == (0, [0, 0, 0, 1])


def test_a_wide_table_is_a_stream_a_column(stream: Any, models: Path) -> None:
    rows = [f"{HOURS[i]},{VALUES[i]},{VALUES[100 + i]}" for i in range(12)]
    code, lines, _ = stream("\n".join(["ds,north,south", *rows]), "wide")
    assert code == 0
    assert lines[0].split(",")[:3] == ["unique_id", "ds", "y"]
    assert [line.split(",")[0] for line in lines[1:]] == ["north", "south"] * 12
    assert close(column(lines, "ensue")[1::2], medians(models, "wide", VALUES[100:112], time="2024-01-01"))


def test_a_file_in_the_place_of_standard_input(stream: Any) -> None:
    Path("load.csv").write_text(table(0, 6))
    assert stream("", "hours", "load.csv") == stream(table(0, 6), "hours")
    assert stream("", "hours", "laod.csv")[::2] == (
        1,
        ["ensue: 'laod.csv' cannot be read: No such file or directory; give a file, or - for standard input."],
    )


def test_no_lines_at_all(stream: Any) -> None:
    assert stream("", "plain") == (0, [], ["0 values read."])


# ---- lines that cannot be read ----


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        ("2024-01-01 05:00,abc", "'abc' in 'load', expected a number"),
        ("2024-01-01 05:00,-inf", "'-inf' in 'load', expected a finite number"),
        ("2024-01-01 05:00,1_0", "'1_0' in 'load', expected a number"),
        ("2024-01-01 05:00", "1 cell, expected 2 as the header has"),
        ('2024-01-01 05:00,"1', "a quote that is not closed in its line, expected one row a line"),
        ("noon,1", "the time 'noon', expected one such as 2024-01-31 13:00"),
        (",1", "no time in 'ds'"),
        ("0000,1", "the time 0000-01-01, expected one from 0001-01-01 to 9999-12-31"),
        ("9999-12-31T10:00,1", "the time 9999-12-31 10:00, expected one from 0001-01-01 to 9999-12-31"),
        ("2024-01-01 03:00,1", "the time 2024-01-01 03:00 after 2024-01-01 04:00, expected a later one"),
        (
            "2024-01-01 05:00Z,1",
            "the time '2024-01-01 05:00:00+00:00' with a time zone, expected one without, as in training",
        ),
    ],
)
def test_a_bad_line_ends_it_after_what_came_before(stream: Any, line: str, holds: str) -> None:
    text = f"{table(0, 5)}{line}\n{table(5, 8, head=False)}"
    code, lines, said = stream(text, "hours", "--state", "s", "--quiet")
    assert code == 1
    assert len(lines) == 6
    assert said == [f"ensue: Line 7 holds {holds}: correct the line, or leave out such lines with --skip-bad."]
    assert stream(table(5, 8), "hours", "--state", "s")[2][:2] == [
        "Resumed from s.",
        "The stream has read 5 steps, the last at 2024-01-01 04:00.",
    ]
    code, lines, said = stream(text, "hours", "--skip-bad")
    assert (code, len(lines)) == (0, 9)
    assert said == [f"- 1 line could not be read. Line 7 holds {holds}.", "8 values read."]


def test_a_bad_number_that_is_skipped_is_a_missing_one(stream: Any) -> None:
    skipped = stream(f"{numbers(0, 5)}abc\n{numbers(5, 9)}", "plain", "--skip-bad")
    assert skipped[1] == stream(f"{numbers(0, 5)}\n{numbers(5, 9)}", "plain")[1]
    assert skipped[2] == ["- 1 line could not be read. Line 6 holds 'abc', expected a number.", "10 values read."]


def test_lines_with_bad_numbers_are_looked_at_once(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    leading = NumberLines.leading
    monkeypatch.setattr(NumberLines, "leading", lambda lines: looked.append(len(lines)) or leading(lines))
    assert len(stream("1\n\n" * 400, "plain")[1]) == 801
    assert sum(looked) < 800


def test_numbers_beyond_the_end_of_time(stream: Any) -> None:
    code, lines, said = stream("1\n2\n3\n4\n5\n", "hours", "--start", "9999-12-30T22:00", "--state", "s")
    assert (code, [line.split(",")[0][-8:] for line in lines[1:]]) == (1, ["22:00:00", "23:00:00", "00:00:00"])
    assert said == [
        "ensue: Line 4 holds the time 9999-12-31 01:00, expected one from 0001-01-01 to 9999-12-31: correct the line, or "
        "leave out such lines with --skip-bad."
    ]
    assert steps_saved(Path("s")) == 3


@pytest.mark.parametrize(
    ("line", "holds"),
    [
        ('{"ds": "2024-01-01 05:00"}', "no 'load'"),
        ('{"load": 1, "ds": ', """'{"load": 1, "ds":', expected a JSON object or a number"""),
        ('{"load": [1], "ds": "2024-01-01 05:00"}', "[1] in 'load', expected a number"),
        ('{"load": true, "ds": "2024-01-01 05:00"}', "True in 'load', expected a number"),
        ('{"load": 1e999, "ds": "2024-01-01 05:00"}', "inf in 'load', expected a finite number"),
    ],
)
def test_a_bad_json_line(stream: Any, line: str, holds: str) -> None:
    good = '{"ds": "2024-01-01 04:00", "load": 1}\n'
    assert stream(f"{good}{line}\n", "hours")[::2] == (
        1,
        [f"ensue: Line 2 holds {holds}: correct the line, or leave out such lines with --skip-bad."],
    )


@pytest.mark.parametrize(
    ("model", "options", "sentence"),
    [
        ("plain", ["--every", "0"], "--every is 0, expected 1 or more."),
        (
            "plain",
            ["--every", "2"],
            "--every says how often to forecast, and no forecast is asked for: give --horizon, too.",
        ),
        (
            "plain",
            ["--save-every", "2"],
            "--save-every says how often to save, and nothing is saved: give --state FILE, too.",
        ),
        ("plain", ["--save-every", "0", "--state", "s"], "--save-every is 0, expected 1 or more."),
        ("plain", ["--horizon", "0"], "horizon is 0, expected 1 or more steps: give --horizon 30, for example."),
        ("plain", ["--format", "xml"], "--format is 'xml', expected 'auto', 'numbers', 'csv' or 'json'."),
        (
            "hours",
            ["--start", "noon"],
            "--start has the time 'noon', expected one such as 2024-01-31 13:00.",
        ),
        (
            "hours",
            [],
            "The lines have no times, and the model uses the calendar: give --start 2024-01-31, the time of the first "
            "value, or lines with the column 'ds'.",
        ),
        (
            "priced",
            ["--horizon", "3"],
            "--horizon 3 would need price ahead, which a stream of lines does not tell: leave --horizon out, or "
            "forecast in Python with stream.forecast(future=...).",
        ),
    ],
)
def test_what_cannot_be_asked_for(stream: Any, model: str, options: list[str], sentence: str) -> None:
    assert stream(numbers(0, 3), model, *options) == (2, [], [f"ensue: {sentence}"])


def test_numbers_do_not_tell_covariates(stream: Any) -> None:
    code, lines, said = stream(numbers(0, 3), "priced", "--start", "2024-01-01")
    assert (code, len(lines)) == (0, 4)
    assert said[0] == "- the model uses price, which plain numbers do not tell: read as missing."


# ---- the state ----


def test_going_on_is_as_if_it_had_never_stopped(stream: Any) -> None:
    options = ["--horizon", "3", "--every", "4"]
    whole = stream(numbers(0, 50), "hours", "--start", "2024-01-01", *options)[1]
    first = stream(numbers(0, 21), "hours", "--start", "2024-01-01", "--state", "s", *options)
    assert first[2] == ["21 values read; the state is in s."]
    code, second, said = stream(numbers(21, 50), "hours", "--state", "s", *options)
    assert code == 0
    assert said[:2] == ["Resumed from s.", "The stream has read 21 steps, the last at 2024-01-01 20:00."]
    both = [*first[1], *second[1:]]
    assert [line.split(",")[:3] for line in both] == [line.split(",")[:3] for line in whole]
    assert close(column(both, "ensue"), column(whole, "ensue"))


def test_rows_that_were_read_before_are_left_out(stream: Any) -> None:
    frame = shops(30).sort("ds", "shop")
    whole = stream(frame.write_csv(), "shops")[1]
    stream(frame[:41].write_csv(), "shops", "--state", "s")
    code, rest, said = stream(frame.write_csv(), "shops", "--state", "s")
    assert code == 0
    assert said == [
        "Resumed from s.",
        "Series 'north' has read 21 steps, the last at 2024-01-21.",
        "Series 'south' has read 20 steps, the last at 2024-01-20.",
        "- 41 rows were read before and left out.",
        "60 values read; the state is in s.",
    ]
    assert [line.split(",")[:2] for line in rest[1:]] == [line.split(",")[:2] for line in whole[42:]]
    assert close(column(rest, "ensue"), column([whole[0], *whole[42:]], "ensue"))


def test_the_state_of_another_model(stream: Any) -> None:
    stream(numbers(0, 5), "hours", "--start", "2024-01-01", "--state", "s")
    kept = Path("s").read_bytes()
    assert stream(numbers(5, 9), "wide", "--state", "s") == (
        1,
        [],
        [
            "ensue: The state file 's' belongs to streams of another model: give the model it came from, or --state "
            "another file."
        ],
    )
    assert Path("s").read_bytes() == kept


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: data[:300] + b"\0" + data[301:], lambda _: b"y\n1"]
)
def test_a_damaged_state(stream: Any, damage: Callable[[bytes], bytes]) -> None:
    stream(numbers(0, 5), "plain", "--state", "s")
    Path("s").write_bytes(damage(Path("s").read_bytes()))
    assert stream(numbers(5, 9), "plain", "--state", "s") == (
        1,
        [],
        ["ensue: 's' is no state file of `ensue stream`, or a damaged one: give --state another file."],
    )


def test_a_state_that_cannot_be_written_is_found_out_first(stream: Any) -> None:
    assert stream(numbers(0, 5), "plain", "--state", "no/s") == (
        1,
        [],
        ["ensue: cannot write 'no/s': its folder does not exist: create the folder first or choose another place."],
    )


def test_saved_every_few_values(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []
    monkeypatch.setattr(
        "ensue.cli.streaming.state_file.write_atomically", lambda path, write: saved.append(counted(write))
    )
    assert stream(numbers(0, 25), "plain", "--state", "s", "--save-every", "10")[0] == 0
    assert saved == [0, 10, 20, 25]


def counted(write: Any) -> int:
    file = io.BytesIO()
    write(file)
    return sum(each["rows"] for each in json.loads(file.getvalue().split(b"\n")[0])["streams"])


# ---- whatever ends it ----


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, type[BaseException]], None]:
    """Lets one of the blocks fail, as late as it can: when the stream has moved."""

    def prepare(block: int, error: type[BaseException]) -> None:
        update, calls = ForecastStream.update, iter(range(1000))

        def fail(stream: ForecastStream, *given: Any, **named: Any) -> Any:
            expected = update(stream, *given, **named)
            if next(calls) == block:
                raise error("no")
            return expected

        monkeypatch.setattr(ForecastStream, "update", fail)

    return prepare


@pytest.mark.parametrize("error", [DataError, ValueError, MemoryError, OSError, KeyboardInterrupt])
def test_what_was_not_read_is_read_next_time(stream: Any, failing: Any, error: type[BaseException]) -> None:
    text = table(0, 10) + table(14, 20, head=False) + table(25, 30, head=False)  # three blocks
    whole = stream(text, "hours")[1]
    failing(1, error)
    code, first, _ = stream(text, "hours", "--state", "s")
    assert (code, len(first)) == (130 if error is KeyboardInterrupt else 1, 11)
    assert steps_saved(Path("s")) == 10
    code, rest, said = stream(text, "hours", "--state", "s")
    assert (code, said[-2:]) == (0, ["- 10 rows were read before and left out.", "21 values read; the state is in s."])
    both = [*first, *rest[1:]]
    assert [line.split(",")[:2] for line in both] == [line.split(",")[:2] for line in whole]
    assert close(column(both, "ensue"), column(whole, "ensue"))


def test_a_series_that_failed_is_read_next_time(stream: Any, failing: Any) -> None:
    text = shops(30).sort("ds", "shop").write_csv()
    whole = stream(text, "shops")[1]
    failing(1, MemoryError)
    code, first, _ = stream(text, "shops", "--state", "s")
    assert (code, {line.split(",")[0] for line in first[1:]}) == (1, {"north"})
    _, rest, said = stream(text, "shops", "--state", "s")
    assert said[:3] == [
        "Resumed from s.",
        "Series 'north' has read 30 steps, the last at 2024-01-30.",
        "- 30 rows were read before and left out.",
    ]
    both = [whole[0], *sorted([*first[1:], *rest[1:]])]
    assert [line.split(",")[:3] for line in both[1:]] == [line.split(",")[:3] for line in sorted(whole[1:])]
    assert close(column(both, "ensue"), column([whole[0], *sorted(whole[1:])], "ensue"))


def test_a_forecast_that_fails_leaves_what_was_read(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise DataError("No holidays.")

    monkeypatch.setattr(ForecastStream, "forecast", fail)
    code, lines, said = stream(numbers(0, 9), "plain", "--horizon", "2", "--every", "4", "--state", "s")
    assert (code, column(lines, "y")[:4], said) == (1, VALUES[:4].tolist(), ["ensue: No holidays."])
    assert steps_saved(Path("s")) == 4


def test_an_input_that_breaks_off_saves_first(stream: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("values").write_text(numbers(0, 30))
    read, calls = os.read, iter(range(1000))

    def fail(number: int, size: int) -> bytes:
        if next(calls):
            raise OSError(5, "Input/output error")
        return read(number, size)

    monkeypatch.setattr("ensue.cli.streaming.source.os.read", fail)
    code, lines, said = stream("", "plain", "values", "--state", "s")
    assert (code, len(lines)) == (1, 31)
    assert said == ["ensue: The input cannot be read on: Input/output error; give it again."]
    assert steps_saved(Path("s")) == 30


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="has no full device")
def test_a_full_disk_saves_first(models: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ensue", "stream", "-m", str(models / "plain.ensue"), "--state", "s"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, input=numbers(0, 30), stdout=full, stderr=subprocess.PIPE, text=True, check=False, cwd=tmp_path
        )
    assert (done.returncode, done.stderr) == (
        1,
        "ensue: The answers cannot be written: No space left on device; write them to another place.\n",
    )
    assert steps_saved(tmp_path / "s") == 30


# ---- in a pipe ----


def piped(models: Path, model: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ensue", "stream", "-m", str(models / f"{model}.ensue"), *options]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )


def finish(program: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, said = program.communicate()
    return program.returncode, out, said


def steps_saved(path: Path) -> int:
    """Values the state file has read; its checksum was checked."""
    header, _, _ = path.read_bytes().partition(b"\n")
    return sum(each["rows"] for each in json.loads(header)["streams"])


def test_an_answer_before_the_next_value_comes(models: Path, tmp_path: Path) -> None:
    program = piped(models, "plain", "--state", str(tmp_path / "s"))
    assert program.stdin is not None
    assert program.stdout is not None
    heard = []
    for value in VALUES[:3]:
        program.stdin.write(f"{value}\n")
        program.stdin.flush()
        if not heard:
            assert program.stdout.readline().startswith("y,ensue")
        heard.append(program.stdout.readline())
    assert [float(line.split(",")[0]) for line in heard] == VALUES[:3].tolist()
    while steps_saved(tmp_path / "s") < 3:  # while nothing comes, the clock alone saves
        time.sleep(0.05)
    assert finish(program)[0] == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interrupt_saves_first(models: Path, tmp_path: Path, number: signal.Signals, code: int) -> None:
    # Under nohup the tests ignore SIGHUP, and so would a program they start.
    ignored = signal.getsignal(number) == signal.SIG_IGN
    if ignored:
        signal.signal(number, signal.SIG_DFL)
    try:
        program = piped(models, "plain", "--state", str(tmp_path / "s"))
    finally:
        if ignored:
            signal.signal(number, signal.SIG_IGN)
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(numbers(0, 40))
    program.stdin.flush()
    for _ in range(41):
        program.stdout.readline()
    program.send_signal(number)
    returned, _, said = finish(program)
    assert (returned, said) == (code, f"Interrupted: {tmp_path / 's'} has the state after 40 values.\n")
    assert steps_saved(tmp_path / "s") == 40


def test_a_broken_pipe_saves_first(models: Path, tmp_path: Path) -> None:
    program = piped(models, "plain", "--state", str(tmp_path / "s"))
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write(numbers(0, 40))
    program.stdin.flush()
    for _ in range(41):
        program.stdout.readline()
    program.stdout.close()
    program.stdin.write(numbers(40, 42))
    program.stdin.close()
    assert program.stderr is not None
    said = program.stderr.read()
    program.stderr.close()
    assert (program.wait(), said) == (0, "")
    assert steps_saved(tmp_path / "s") == 42


@pytest.mark.slow
def test_sigkill_leaves_the_last_complete_state(models: Path, tmp_path: Path) -> None:
    """Killed at any moment, again and again; each time the feeder goes on from the count in the state file."""
    state, random = tmp_path / "s", np.random.default_rng(0)
    answers: dict[int, float] = {}
    read = 0
    while read < len(VALUES):
        program = piped(models, "plain", "--state", str(state), "--save-every", "1", "--levels", "80")
        assert program.stdin is not None
        assert program.stdout is not None
        lines = numbers(read, len(VALUES)).splitlines(keepends=True)
        program.stdin.writelines(lines[: int(random.integers(60, 160))])
        program.stdin.flush()
        program.stdout.readline()
        heard = [program.stdout.readline() for _ in range(int(random.integers(2, 60)))]
        program.kill()
        out, _ = program.communicate()
        assert program.returncode == -signal.SIGKILL
        complete = [*heard, *out.splitlines(keepends=True)]
        for place, line in enumerate(each for each in complete if each.endswith("\n")):
            value, expected, *_ = line.split(",")
            assert float(value) == VALUES[read + place]  # the state it began with was whole, and stood where it said
            answers[read + place] = float(expected or "nan")
        # What was answered may be one value ahead of what was saved, never behind: no value is lost.
        assert read < steps_saved(state) <= max(answers) + 1
        read = steps_saved(state)
        if len(VALUES) - read < 60:
            break
    rest = piped(models, "plain", "--state", str(state))
    out, said = rest.communicate(numbers(read, len(VALUES)))
    assert f"The stream has read {read} steps." in said
    for place, line in enumerate(out.splitlines()[1:], read):
        answers[place] = float(line.split(",")[1])
    expected = medians(models, "plain", VALUES)
    assert close([answers[place] for place in range(len(VALUES))], expected)


def test_a_stream_needs_neither_polars_nor_torch(models: Path) -> None:
    code = (
        "import sys; from ensue import cli; code = cli.run(sys.argv[1:]); "
        "sys.exit(code or bool({'torch', 'polars', 'narwhals', 'pandas'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, "stream", "-m", str(models / "hours.ensue")]
    done = subprocess.run(command, input=table(0, 9), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_byte_order_mark_is_no_part_of_a_name(stream: Any) -> None:
    assert stream("\ufeff" + table(0, 4), "hours") == stream(table(0, 4), "hours")


def test_a_newer_state_file(tmp_path: Path, models: Path) -> None:
    from ensue.cli.streaming.channels import Channels
    from ensue.cli.streaming.state_file import StateFile

    path = tmp_path / "s"
    path.write_text('{"ensue-streams": 2, "streams": []}\n')
    channels = Channels(ensue.load(models / "plain.ensue"), None, None, 1)
    sentence = f"The state file '{path}' has format 2, and this Ensue reads up to format 1: upgrade Ensue."
    with pytest.raises(ModelFileError) as caught:
        StateFile(path, channels).restore()
    assert str(caught.value) == sentence
