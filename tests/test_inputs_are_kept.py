"""The table that is read is never written over, and no other column is forecast in place of one that cannot be read."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ensue import cli
from ensue.data.roles import find_roles
from ensue.errors import DataError


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (["forecast", "{}", "--out", "{}"], "--out"),
        (["forecast", "{}", "--plot", "{}"], "--plot"),
        (["backtest", "{}", "--out", "{}"], "--out"),
        (["train", "forecast", "{}", "-o", "{}"], "-o"),
        (["inspect", "{}", "-o", "{}"], "--output"),
    ],
)
def test_the_table_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], option: str
) -> None:
    ending = {"--plot": ".html", "--output": ".html"}.get(option, ".csv")
    table = tmp_path / f"sales{ending}"
    table.write_text("ds,y\n2024-01-01,1\n2024-01-02,2\n2024-01-03,3\n")
    before = table.read_bytes()
    assert cli.run([each.format(table) for each in arguments]) == 2
    said = f"{option} is '{table}', the table that is read: give another file, or it would be lost."
    assert said in capsys.readouterr().err
    assert table.read_bytes() == before


def test_a_word_among_the_sales_is_not_answered_with_a_forecast_of_prices() -> None:
    days = [f"2024-01-{day:02d}" for day in range(1, 31)]
    sales = ["closed" if day == 7 else str(800 + day) for day in range(30)]
    table = pl.DataFrame({"date": days, "price": [float(day % 3) for day in range(30)], "sales": sales})
    with pytest.raises(DataError, match=r"sales.*closed"):
        find_roles(table)


def test_a_column_of_words_with_the_name_of_a_quantity_is_in_nobodys_way() -> None:
    days = [f"2024-01-{day:02d}" for day in range(1, 31)]
    table = pl.DataFrame({"date": days, "level": ["high", "low"] * 15, "y": [float(day % 7) for day in range(30)]})
    assert find_roles(table).target == "y"
