"""Tables as people have them: every dialect, every packing, every mistake with its sentence."""

from __future__ import annotations

import bz2
import csv
import errno
import gzip
import io
import json
import lzma
import os
import sys
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ensue.data.dialect import find_dialect
from ensue.data.numerals import read_numbers
from ensue.data.tables import Table, numeric_column, read_table, write_table
from ensue.errors import DataError, StorageError, UsageError

PLAIN = "ds,y\n2024-01-30,1.5\n2024-01-31,\n"


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Table]:
    def write_and_read(content: str | bytes, name: str = "t.csv", **options: str) -> Table:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(path, **options)

    return write_and_read


def assert_table_or_sentence(path: Path) -> None:
    try:
        table = read_table(path)
    except DataError as error:
        said = str(error)
    else:
        said = table.findings[0]
        assert table.frame.height > 0
    assert said.endswith((".", "?"))
    assert "\n" not in said


def sentence(mistake: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        mistake()
    return str(caught.value)


# ---- dialects -------------------------------------------------------------------------------------------------------


def test_a_plain_csv(read: Callable[..., Table]) -> None:
    table = read(PLAIN)
    assert table.frame.schema == {"ds": pl.Datetime("us"), "y": pl.Float64}
    assert table.frame.rows() == [(datetime(2024, 1, 30), 1.5), (datetime(2024, 1, 31), None)]
    assert table.findings == ("separator ',', encoding UTF-8.", "times in 'ds' are written as year-month-day.")


def test_a_german_spreadsheet(read: Callable[..., Table]) -> None:
    text = "Datum;Umsatz in €;Größe\n30.01.2024;1.234,5;klein\n31.01.2024;-;groß\n01.02.2024;12,25;groß\n"
    table = read(text.encode("cp1252"))
    assert table.frame.rows() == [
        (datetime(2024, 1, 30), 1234.5, "klein"),
        (datetime(2024, 1, 31), None, "groß"),
        (datetime(2024, 2, 1), 12.25, "groß"),
    ]
    assert table.frame.columns == ["Datum", "Umsatz in €", "Größe"]
    assert table.findings == (
        "separator ';', decimal comma, encoding cp1252.",
        "times in 'Datum' are written as day.month.year.",
        "column 'Umsatz in €' groups thousands: '1.234,5' is read as 1234.5.",
    )


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("header", ["when{0}value{0}kind\n", ""])
def test_every_separator_with_and_without_header(read: Callable[..., Table], separator: str, header: str) -> None:
    rows = [("2024-01-30", "1.5", "rain"), ("2024-01-31", "2.25", "sun"), ("2024-02-01", "NA", "rain")]
    table = read(header.format(separator) + "".join(separator.join(row) + "\n" for row in rows), "t.txt")
    names = ["when", "value", "kind"] if header else ["column_1", "column_2", "column_3"]
    assert table.frame.columns == names
    assert table.frame.dtypes == [pl.Datetime("us"), pl.Float64, pl.String]
    assert table.frame["value" if header else "column_2"].to_list() == [1.5, 2.25, None]
    assert ("no header: columns called 'column_1', 'column_2', 'column_3'." in table.findings) == (not header)


@pytest.mark.parametrize(
    ("encoding", "mark", "said"),
    [
        ("utf-8", b"", "UTF-8"),
        ("utf-8", b"\xef\xbb\xbf", "UTF-8"),
        ("utf-16-le", b"\xff\xfe", "UTF-16"),
        ("utf-16-be", b"\xfe\xff", "UTF-16"),
        ("utf-16-le", b"", "UTF-16"),
        ("latin-1", b"", "cp1252"),
    ],
)
def test_every_encoding(read: Callable[..., Table], encoding: str, mark: bytes, said: str) -> None:
    table = read(mark + "Zeit,Wärme\n2024-01-30,1.5\n2024-01-31,2.5\n".encode(encoding))
    assert table.frame.columns == ["Zeit", "Wärme"]
    assert table.findings[0] == f"separator ',', encoding {said}."


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_line_end(read: Callable[..., Table], ending: str) -> None:
    assert read(PLAIN.replace("\n", ending)).frame["y"].to_list() == [1.5, None]


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inside.csv", data)
        archive.writestr("__MACOSX/._inside.csv", b"")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("ending", "pack", "said"),
    [
        (".gz", gzip.compress, "gzip"),
        (".bz2", bz2.compress, "bzip2"),
        (".xz", lzma.compress, "xz"),
        (".zip", zipped, "zip"),
    ],
)
def test_every_packing_by_its_ending_or_its_bytes(
    read: Callable[..., Table], ending: str, pack: Callable[[bytes], bytes], said: str
) -> None:
    for name in (f"t.csv{ending}", "t.csv"):
        table = read(pack(PLAIN.encode()), name)
        assert table.frame["y"].to_list() == [1.5, None]
        assert table.findings[0] == f"separator ',', encoding UTF-8, unpacked from {said}."


def test_zstandard(read: Callable[..., Table]) -> None:
    arrow = pytest.importorskip("pyarrow", reason="packing the example needs PyArrow")
    assert read(arrow.compress(PLAIN.encode(), "zstd", asbytes=True), "t.csv.zst").frame.height == 2


@pytest.mark.parametrize(
    ("text", "columns", "rows", "finding"),
    [
        ("# made by hand\n% twice\nds,y\n2024-01-30,1\n", ["ds", "y"], 1, "skipped 2 lines above the table."),
        ("#ds y\n2024-01-30 1\n2024-01-31 2\n", ["ds", "y"], 2, "skipped 1 line above the table."),
        ("sep=;\nds;y\n2024-01-30;1\n", ["ds", "y"], 1, "skipped 1 line above the table."),
        ("My station\n\nds,y\n2024-01-30,1\n2024-01-31,2\n", ["ds", "y"], 2, "skipped 2 lines above the table."),
        ("Name;Rome\nLat;41\nds;y;z\n2024-01-30;1;2\n", ["ds", "y", "z"], 1, "skipped 2 lines above the table."),
        (",y\n2024-01-30,1\n2024-01-31,2\n", ["column_1", "y"], 2, "column 1 has no name: called 'column_1'."),
        ("y,y\n1,2\n3,4\n", ["y", "y_2"], 2, "column 2 has the name of another: called 'y_2'."),
        ("y\n1,5\n2,25\n", ["y"], 2, "a single column, decimal comma, encoding UTF-8."),
        ("country,2020,2021,2022\nx,1,2,3\n", ["country", "2020", "2021", "2022"], 1, "separator ',', encoding UTF-8."),
        ('"Wind\n(m/s)",y\n1.5,2\n1.6,3\n', ["Wind (m/s)", "y"], 2, "separator ',', encoding UTF-8."),
        ("a b\n'x' 1\n", ["a", "b"], 1, "separator spaces, encoding UTF-8."),
    ],
)
def test_what_stands_above_a_table(
    read: Callable[..., Table], text: str, columns: list[str], rows: int, finding: str
) -> None:
    table = read(text)
    assert table.frame.columns == columns
    assert table.frame.height == rows
    assert finding in table.findings


def test_rows_that_look_like_something_compressed_are_read(read: Callable[..., Table]) -> None:
    assert read("text,number\n^6,0\n").frame["text"].to_list() == ["^6"]


def test_a_cell_may_be_very_long_and_a_quote_may_never_close(read: Callable[..., Table]) -> None:
    long = ("hated it, " * 20_000).strip()
    frame = read(f'text,mood\n"{long}",bad\n"fine, really",good\n').frame
    assert frame["text"].to_list() == [long, "fine, really"] and frame["mood"].to_list() == ["bad", "good"]
    frame = read(f'text,mood\n"{long}",bad\n"fine"ly said,good\n').frame
    assert frame["mood"].to_list() == ["bad", "good"]
    lines = "".join(f"{number} and more words,{number}\n" for number in range(10_000))
    frame = read(f'text,number\n"never closed,1\n{lines}').frame
    assert len(frame) == 10_001
    assert csv.field_size_limit() == 131_072


def test_a_cell_that_is_too_long_for_any_table_is_refused(
    read: Callable[..., Table], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ensue.data.dialect.LONGEST", 140_000)
    with pytest.raises(
        DataError, match=r"^Row 3 cannot be cut into cells \(field larger than field limit \(140000\)\)"
    ):
        read(f'text,mood\n"fine"ly said,good\n{"word " * 30_000},bad\n')


def test_quoted_cells_may_hold_separators_quotes_and_lines(read: Callable[..., Table]) -> None:
    table = read('name,y\n"a, b",1\n"say ""hi""",2\n"two\nlines",3\n')
    assert table.frame.rows() == [("a, b", 1), ('say "hi"', 2), ("two\nlines", 3)]
    assert read('size,y\n5" pipe,1\n6" pipe,2\n7 pipe,3\n').frame["size"].to_list() == ['5" pipe', '6" pipe', "7 pipe"]


def test_empty_rows_and_columns_that_spreadsheets_leave(read: Callable[..., Table]) -> None:
    table = read("a,b,,\n1,2,,\n\n3,4,,\n,,,\n,,,\n")
    assert table.frame.rows() == [(1, 2), (3, 4)]
    assert [table.rows(index) for index in range(2)] == [2, 4]


def test_a_blank_line_in_a_single_column_is_a_gap(read: Callable[..., Table]) -> None:
    assert read("y\n1\n\n3\n").frame["y"].to_list() == [1, None, 3]


def test_rows_with_an_unnamed_first_cell(read: Callable[..., Table]) -> None:
    table = read('"ds" "y"\n"1" 2024-01-30 5\n"2" 2024-01-31 6\n')
    assert table.frame.columns == ["column_1", "ds", "y"]


def test_the_separator_can_be_told(read: Callable[..., Table]) -> None:
    table = read("a:b\n1:2\n", separator=":")
    assert table.frame.rows() == [(1, 2)]
    assert table.findings == ("separator ':', encoding UTF-8.",)


def test_dates_and_clocks_in_two_columns(read: Callable[..., Table]) -> None:
    table = read("Date;Time;CO\n10/03/2004;18.00.00;2,6\n11/03/2004;19.30.00;2\n13/03/2004;20.00.00;\n")
    assert table.frame["Date"].to_list()[1] == datetime(2004, 3, 11, 19, 30)
    assert table.frame.columns == ["Date", "CO"]
    assert table.findings[-1] == "times in 'Date' are put together from the columns 'Date' and 'Time'."


# ---- cells ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1.234,5", "1.234.567,25"], [1234.5, 1234567.25]),
        (["1 234,5", "1\u00a0234,5", "1\u202f234"], [1234.5, 1234.5, 1234.0]),
        (["1,234.5", "1,234,567"], [1234.5, 1234567.0]),
        (["1'234.5", "7"], [1234.5, 7.0]),
        (["1.234", "5.678"], [1.234, 5.678]),
        (["1.234", "0,5"], [1234.0, 0.5]),
        (["1e3", "-2.5E-1", "+.5", "5.", "−3"], [1000.0, -0.25, 0.5, 5.0, -3.0]),
        (["1", "", "NA", "NaN", "null", "-", "?", "n/a", "N/A", "None", "#N/A"], [1.0] + [None] * 10),
        (["12,34,56", "1,2.3", "0x10", "1_000", "12%", "€5"], [None] * 6),
    ],
)
def test_numbers_as_people_write_them(cells: list[str], values: list[float | None]) -> None:
    assert read_numbers(pl.Series(cells)).values.to_list() == values


@given(st.lists(st.floats(-1e9, 1e9).map(lambda value: round(value, 2)), min_size=1, max_size=20))
def test_written_numbers_are_read_back(values: list[float]) -> None:
    values = [*values, 0.25]  # one cell proves which sign marks the decimals
    english = pl.Series([f"{value:,.2f}" for value in values])
    german = pl.Series([f"{value:,.2f}".translate(str.maketrans(",.", ".,")) for value in values])
    french = pl.Series([f"{value:,.2f}".translate(str.maketrans(",.", "\u202f,")) for value in values])
    for written in (english, german, french):
        assert read_numbers(written).values.to_list() == values


@pytest.mark.parametrize(
    ("name", "cells", "dtype"),
    [
        ("a", ["1", "2", "NA"], pl.Int64),
        ("a", ["1", "2.0"], pl.Float64),
        ("a", ["true", "False"], pl.Boolean),
        ("a", ["007", "008"], pl.String),
        ("a", ["12%", "13%"], pl.String),
        ("a", ["NA", "rain", "sun"], pl.String),
        ("a", ["", "NA"], pl.Float64),
        ("a", ["12345678901234567890", "2"], pl.Float64),
        ("a", ["2023", "2024"], pl.Int64),
        ("year", ["2023", "2024"], pl.Datetime("us")),
        ("month", ["202401", "202402"], pl.Datetime("us")),
        ("date", ["20240131", "20240201"], pl.Datetime("us")),
        ("timestamp", ["1706700000", "1706700060"], pl.Datetime("us", "UTC")),
        ("ds", ["1", "2"], pl.Int64),
        ("a", ["2024-01-31T13:00:00Z", "2024-01-31T14:00:00Z"], pl.Datetime("us", "UTC")),
        ("a", ["2024-01-31T13:00:00+02:00", "2024-01-31T14:00:00+02:00"], pl.Datetime("us")),
    ],
)
def test_types_of_columns(read: Callable[..., Table], name: str, cells: list[str], dtype: pl.DataType) -> None:
    frame = read(f"{name};n\n" + "".join(f"{cell};{index}.5\n" for index, cell in enumerate(cells))).frame
    assert frame[name].dtype == dtype
    if dtype == pl.String:
        assert frame[name].to_list() == cells


def test_year_month_and_day_in_columns_of_their_own(read: Callable[..., Table]) -> None:
    table = read("year,month,day,hour,pm\n2010,1,1,0,5\n2010,1,1,1,NA\n")
    assert table.frame.columns == ["ds", "pm"]
    assert table.frame["ds"].to_list() == [datetime(2010, 1, 1), datetime(2010, 1, 1, 1)]


def test_a_word_among_numbers_leaves_text_and_is_named(read: Callable[..., Table]) -> None:
    table = read("ds,y\n" + "".join(f"2024-01-{day:02d},{'abc' if day == 16 else day}\n" for day in range(1, 31)))
    assert table.frame["y"].dtype == pl.String
    assert table.findings[-1] == "column 'y' is left as text: 97% are numbers, but row 17 holds 'abc'."
    assert sentence(lambda: numeric_column(table.frame, "y", rows=table.rows)) == (
        "column 'y' holds 'abc' in row 17, expected a number: correct the cell or leave it empty."
    )


def test_a_word_among_times_leaves_text_and_is_named(read: Callable[..., Table]) -> None:
    table = read("# c\nds,y\n" + "".join(f"{'soon' if day == 5 else f'2024-01-{day:02d}'},1\n" for day in range(1, 9)))
    assert table.frame["ds"].dtype == pl.String
    assert table.findings[-1] == (
        "left as text: column 'ds' holds 'soon' in row 7, expected a time stamp such as 2024-01-31 13:00: correct the cell."
    )


def test_row_numbers_are_those_of_the_file(read: Callable[..., Table]) -> None:
    table = read("# comment\n\nds,y\n1,2\n\n\n2,x\n")
    assert sentence(lambda: numeric_column(table.frame, "y", rows=table.rows)) == (
        "column 'y' holds 'x' in row 7, expected a number: correct the cell or leave it empty."
    )


def test_numeric_column() -> None:
    frame = pl.DataFrame(
        {
            "y": [1.0, float("nan"), float("inf")],
            "text": ["1,5", "", "inf"],
            "flag": [True, None, False],
            "ds": [datetime(2024, 1, 1)] * 3,
        }
    )
    assert numeric_column(frame, "y", finite=False).to_list() == [1.0, None, float("inf")]
    assert numeric_column(frame, "text", finite=False).to_list() == [1.5, None, float("inf")]
    assert numeric_column(frame, "flag").to_list() == [1.0, None, 0.0]
    assert sentence(lambda: numeric_column(frame, "y")) == (
        "column 'y' holds 'inf' in row 4, expected a finite number: correct the cell or leave it empty."
    )
    assert sentence(lambda: numeric_column(frame, "ds")) == (
        "column 'ds' holds times, expected numbers: choose another column."
    )
    assert sentence(lambda: numeric_column(frame, "texts")) == "there is no column 'texts': did you mean 'text'?"


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1), st.integers(-(2**60), 2**60)),
        min_size=1,
        max_size=8,
    )
)
def test_any_written_table_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int]]) -> None:
    # A letter before every text keeps it text; anything may follow.
    frame = pl.DataFrame({"name": [f"x{name}" for name, _ in rows], "y": [number for _, number in rows]})
    path = tmp_path_factory.mktemp("any") / "t.csv"
    write_table(frame, path)
    assert_frame_equal(read_table(path).frame, frame)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_table_or_one_sentence(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "t.csv"
    path.write_bytes(data)
    assert_table_or_sentence(path)


@given(st.text(st.sampled_from('ab1.,;-"\n |\t#/:'), max_size=60))
def test_any_text_is_a_table_or_one_sentence(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "t.csv"
    path.write_text(text)
    assert_table_or_sentence(path)


def test_the_separator_wins_that_gives_sensible_cells() -> None:
    assert find_dialect("t", ["d;y", "01.02.2024;1,5", "02.02.2024;2,5"]).separator == ";"
    assert find_dialect("t", ["2024-01-01 13:00;1,5", "2024-01-01 14:00;2,5"]).separator == ";"
    assert find_dialect("t", ["time,y", "2024-01-01 13:00,5", "2024-01-01 14:00,6"]).separator == ","
    assert find_dialect("t", ["time|text", "2024-01-01|a, b, c", "2024-01-02|d, e, f"]).separator == "|"


# ---- other formats --------------------------------------------------------------------------------------------------


def test_parquet_arrow_and_json(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"ds": ["2024-01-30", "2024-01-31"], "id": ["01", "02"], "y": [1.5, float("nan")], "n": [1, 2]}
    ).with_columns(pl.col("n").cast(pl.Int8), pl.col("y").cast(pl.Float32), tags=pl.Series([[1], [2]]))
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_ipc(tmp_path / "t.feather")
    frame.write_ipc_stream(tmp_path / "t.arrow")
    (tmp_path / "t.jsonl").write_text('{"ds": "2024-01-30", "y": 1.5}\n\n{"ds": "2024-01-31", "y": null, "n": 2}\n')
    (tmp_path / "t.json").write_text(
        '[{"ds": "2024-01-30", "y": "1.5"}, {"ds": "2024-01-31", "y": NaN}]'.replace("NaN", "null")
    )
    (tmp_path / "columns.json").write_text('{"ds": ["2024-01-30"], "y": [1.5]}')
    for name in ("t.parquet", "t.feather", "t.arrow"):
        table = read_table(tmp_path / name)
        assert table.frame.schema == {"ds": pl.Datetime("us"), "id": pl.String, "y": pl.Float64, "n": pl.Int64}
        assert table.frame["y"].to_list() == [1.5, None]
        assert "column 'tags' is left out: it holds List(Int64), no plain values." in table.findings
    assert read_table(tmp_path / "t.jsonl").frame.rows()[1] == (datetime(2024, 1, 31), None, 2)
    assert read_table(tmp_path / "t.json").frame.rows()[0] == (datetime(2024, 1, 30), 1.5)
    assert read_table(tmp_path / "columns.json").frame.rows() == [(datetime(2024, 1, 30), 1.5)]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (PLAIN.encode(), gzip.compress(PLAIN.encode()), json.dumps([{"ds": "2024-01-30", "y": 1.5}]).encode()):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert read_table("-").frame["y"].to_list()[0] == 1.5
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert sentence(lambda: read_table("-")) == (
        "'standard input' is empty, expected a table with a header and rows: check how the file was made."
    )


# ---- mistakes -------------------------------------------------------------------------------------------------------


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "temps.csv").write_text(PLAIN)
    assert sentence(lambda: read_table(tmp_path / "tmps.csv")) == (
        f"'{tmp_path}/tmps.csv' does not exist, expected a table: did you mean '{tmp_path}/temps.csv'?"
    )
    assert sentence(lambda: read_table(tmp_path / "wholly_other.csv")) == (
        f"'{tmp_path}/wholly_other.csv' does not exist, expected a table: check the path."
    )
    assert sentence(lambda: read_table(tmp_path / "no" / "t.csv")) == (
        f"'{tmp_path}/no/t.csv' does not exist, expected a table: there is no folder '{tmp_path}/no' either."
    )
    assert sentence(lambda: read_table(tmp_path)) == (
        f"'{tmp_path}' is a folder, expected a file: give a file in it, such as 'temps.csv'."
    )
    assert sentence(lambda: read_table("https://example.org/t.csv")) == (
        "'https://example.org/t.csv' is a web address, expected a file: download it first, as ensue.datasets.fetch does."
    )


BAD = [
    ("t.csv", b"", "is empty, expected a table with a header and rows: check how the file was made."),
    ("t.csv", b"\n\n", "is empty, expected a table with a header and rows: check how the file was made."),
    ("t.csv", b"# only this\n", "holds only comments, expected a table with a header and rows: check the file."),
    ("t.csv", b"ds,y\n", "has a header and no rows, expected at least one row of data: check how it was made."),
    (
        "t.csv",
        b"ds,y\n1,2\n2,3,4\n3,4\n",
        "has 3 cells in row 3, expected 2 as its header has: correct the row, or name the separator if it is not ','.",
    ),
    (
        "t.csv",
        b"1,2\n2\n3,4\n",
        "has 1 cell in row 2, expected 2 as most rows have: correct the row, or name the separator if it is not ','.",
    ),
    (
        "t.csv",
        bytes(range(256)) * 4,
        "is not a text table but binary data: check the file, or give it its right ending.",
    ),
    ("t.csv", b"PAR1....", "ends in '.csv' but holds a Parquet table: rename it to end in '.parquet'."),
    (
        "t.csv",
        b"\xd0\xcf\x11\xe0..",
        "ends in '.csv' but holds an old Excel workbook: save the table as CSV or Parquet.",
    ),
    ("t", b"%PDF-1.7", "holds a PDF document, which cannot be read: save the table as CSV or Parquet."),
    ("t.parquet", b"a,b\n1,2\n", "is not a Parquet file: check how it was made, or give it the ending of what it is."),
    ("t.parquet", b"PAR1xxxx", "is a damaged or truncated Parquet file: make it again, or get it again."),
    ("t.feather", b"ARROW1xx", "is a damaged or truncated Arrow file: make it again, or get it again."),
    ("t.json", b"3", 'holds JSON that is no table: write rows such as {"ds": "2024-01-31", "y": 1.5}.'),
    ("t.jsonl", b'{"y": 1}\n{"y": ', "is not JSON in line 2 (Expecting value): correct the line."),
    ("t.json", b"[]", "has no rows, expected at least one row of data: check how it was made."),
    (
        "t.csv",
        "ds,y\n1,Köln\n2,Ärger\n".encode() + b"3,K\xf6ln\n",
        "cannot be read as UTF-8 text: line 4 holds the byte 0xf6, which has no meaning there: save the file as UTF-8.",
    ),
    (
        "t.csv",
        b"ds,y\n1,\x81\x8d\xff\n",
        "cannot be read as cp1252 text: line 2 holds the byte 0x81, which has no meaning there: save the file as UTF-8.",
    ),
]


@pytest.mark.parametrize(("name", "content", "said"), BAD)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert sentence(lambda: read_table(path)) == f"'{path}' {said}"


def test_a_truncated_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"y": range(1000)}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])
    assert sentence(lambda: read_table(path)) == (
        f"'{path}' is a damaged or truncated Parquet file: make it again, or get it again."
    )


def test_damaged_and_crowded_archives(tmp_path: Path) -> None:
    packed, crowded = tmp_path / "t.csv.gz", tmp_path / "t.zip"
    packed.write_bytes(gzip.compress(PLAIN.encode() * 100)[:-20])
    assert sentence(lambda: read_table(packed)).startswith(f"'{packed}' is a damaged gzip file (")
    with zipfile.ZipFile(crowded, "w") as archive:
        archive.writestr("a.csv", PLAIN)
        archive.writestr("b.csv", PLAIN)
    assert sentence(lambda: read_table(crowded)) == (
        f"'{crowded}' holds 2 files, expected one: unpack it and give the file you mean."
    )


def test_an_unknown_ending(tmp_path: Path) -> None:
    assert sentence(lambda: read_table("book.xlsx")) == (
        "'book.xlsx' ends in '.xlsx', expected one of .csv, .tsv, .tab, .txt, .psv, .dat, .data, .parquet, .pq, .json, "
        ".jsonl, .ndjson, .arrow, .feather, .ipc (or one of them packed as .gz, .bz2, .xz, .zip, .zst): save the table "
        "as CSV or Parquet."
    )


# ---- writing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_what_is_written_is_read_back(tmp_path: Path, ending: str) -> None:
    frame = pl.DataFrame(
        {
            "unique_id": ["a", "b, <i>"],
            "ds": [datetime(2024, 1, 30, 13), datetime(2024, 1, 31)],
            "ensue": [0.1 + 0.2, None],
        },
        schema_overrides={"ds": pl.Datetime("us")},
    )
    write_table(frame, tmp_path / f"t{ending}")
    assert_frame_equal(read_table(tmp_path / f"t{ending}").frame, frame)
    assert os.listdir(tmp_path) == [f"t{ending}"]


def test_times_are_written_plainly(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    days = pl.DataFrame({"ds": [datetime(2024, 1, 31)], "utc": [datetime(2024, 1, 31, 13)]}).with_columns(
        pl.col("utc").dt.replace_time_zone("UTC")
    )
    write_table(days, "-")
    assert capsysbinary.readouterr().out == b"ds,utc\n2024-01-31,2024-01-31 13:00:00+00:00\n"


def test_a_disk_that_fills_while_a_table_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(StorageError) as caught:
        write_table(pl.DataFrame({"y": [1]}), tmp_path / "t.csv")
    assert str(caught.value) == (
        f"cannot write '{tmp_path}/t.csv': there is no space left on the device: free some space or choose another place."
    )
    assert os.listdir(tmp_path) == []


def test_a_name_that_says_no_format() -> None:
    with pytest.raises(UsageError) as caught:
        write_table(pl.DataFrame({"y": [1]}), "t.xlsx")
    assert str(caught.value) == (
        "cannot write 't.xlsx': expected a name that ends in .csv, .parquet, .jsonl, or '-': rename it."
    )


@pytest.mark.data
def test_every_real_table_is_read_and_survives_a_csv(data_folder: Path, tmp_path: Path) -> None:
    for path in sorted((data_folder / "forecast").rglob("*.parquet")):
        frame = read_table(path).frame.head(20_000)
        write_table(frame, tmp_path / "t.csv")
        again = read_table(tmp_path / "t.csv").frame
        assert_frame_equal(again, frame.cast({name: again.schema[name] for name in frame.columns}))
