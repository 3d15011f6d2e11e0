"""Named data sets and files from the web, the latter from a server of our own."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from ensue.data import datasets
from ensue.data.tables import read_table
from ensue.errors import DataError, StorageError, UsageError

CARRIED = ["co2_weekly", "seattle_weather", "sunspots_yearly"]


@pytest.fixture(autouse=True)
def _no_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENSUE_DATA", raising=False)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of data sets with an index, as `$ENSUE_DATA` names one."""
    folder = tmp_path / "data" / "forecast"
    for name in ("m3", "load", "crowd"):
        (folder / name).mkdir(parents=True)
    frame = pl.DataFrame({"unique_id": ["M1", "Y1"], "ds": [1, 1], "y": [1.0, 2.0]})
    frame.write_parquet(folder / "m3" / "train.parquet")
    pl.DataFrame({"unique_id": ["M1", "Y1"], "period": ["MONTHLY", "Yearly"]}).write_parquet(
        folder / "m3" / "meta.parquet"
    )
    frame.write_csv(folder / "load" / "hourly.csv")
    (folder / "load" / "README.md").write_text("# Load of a town\n\nLong story.\n")
    for name in ("a.csv", "b.csv"):
        frame.write_csv(folder / "crowd" / name)
    entry = {
        "name": "m3_monthly",
        "train": "m3/train.parquet",
        "ids": "m3/meta.parquet where lower(period) == 'monthly'",
        "frequency": "monthly",
        "horizon": 18,
    }
    (folder / "index.json").write_text(json.dumps({"sets": [entry]}))
    monkeypatch.setenv("ENSUE_DATA", str(tmp_path / "data"))
    return folder


def test_carried_sets() -> None:
    assert datasets.names() == CARRIED
    weather = datasets.load("seattle_weather")
    assert weather.shape == (1461, 7)
    assert weather.row(0) == ("seattle", datetime(2012, 1, 1), 12.8, 5.0, 0.0, 4.7, "drizzle")
    assert weather.null_count().sum_horizontal().item() == 0
    assert datasets.load("sunspots_yearly").height == 309
    carbon = datasets.load("co2_weekly")
    assert (carbon.height, carbon["y"].null_count()) == (2284, 59)


def test_every_carried_set_has_its_licence() -> None:
    folder = datasets.carried_path("seattle_weather").parent
    licences = (folder / "LICENSES.md").read_text(encoding="utf-8")
    assert {file.name for file in folder.glob("*.csv")} == {f"{name}.csv" for name in CARRIED}
    assert all(f"`{name}.csv`" in licences for name in CARRIED)


def test_names_of_an_index_of_folders_and_of_files(root: Path) -> None:
    assert datasets.names() == ["co2_weekly", "load", "m3", "m3_monthly", "seattle_weather", "sunspots_yearly"]
    assert datasets.load("m3_monthly")["unique_id"].to_list() == ["M1"]
    for name in ("load", "load/hourly.csv", "load/hourly", "forecast/load/hourly.csv", "m3"):
        assert datasets.load(name).height == 2
    assert datasets.load("crowd/b").height == 2
    assert datasets.load("sunspots_yearly").height == 309


def test_a_root_without_forecast(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENSUE_DATA", str(root))
    assert datasets.load("m3_monthly").height == 1


def test_a_set_in_the_data_folder_comes_before_a_carried_one(root: Path) -> None:
    (root / "seattle_weather.csv").write_text("ds,y\n2024-01-01,1\n")
    assert datasets.load("seattle_weather").height == 1
    assert read_table(datasets.carried_path("seattle_weather")).frame.height == 1461


def test_describe(root: Path) -> None:
    monthly = datasets.describe("m3_monthly")
    assert monthly.path == root / "m3" / "train.parquet"
    assert monthly.rules["horizon"] == 18
    assert str(monthly).splitlines()[0] == "m3_monthly"
    assert "  horizon: 18" in str(monthly).splitlines()
    assert datasets.describe("load").about == "Load of a town"
    assert datasets.describe("crowd/a").about == "The table 'a.csv'."


def test_unknown_names(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, said in [
        ("m3_monthy", "there is no data set 'm3_monthy': did you mean 'm3_monthly'?"),
        ("crowd", f"there is no data set 'crowd': choose from {', '.join(repr(name) for name in datasets.names())}."),
    ]:
        with pytest.raises(DataError) as caught:
            datasets.load(name)
        assert str(caught.value) == said
    with pytest.raises(DataError, match=r"there is no data set '\.\./\.\./secret\.csv'"):
        datasets.load("../../secret.csv")
    with pytest.raises(DataError) as caught:
        datasets.carried_path("seattle")
    assert str(caught.value) == "the package carries no data set 'seattle': did you mean 'seattle_weather'?"
    monkeypatch.delenv("ENSUE_DATA")
    with pytest.raises(DataError) as caught:
        datasets.load("seatle_weather")
    assert str(caught.value) == (
        "there is no data set 'seatle_weather' (set ENSUE_DATA to a folder of data sets to find more): "
        "did you mean 'seattle_weather'?"
    )


def test_a_data_folder_that_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENSUE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError) as caught:
        datasets.load("seattle_weather")
    assert str(caught.value) == (
        f"ENSUE_DATA is '{tmp_path}/nowhere', expected a folder of data sets: correct it or unset it."
    )
    monkeypatch.setenv("ENSUE_DATA", str(tmp_path))
    (tmp_path / "index.json").write_text("[]")
    with pytest.raises(DataError) as caught:
        datasets.names()
    assert str(caught.value) == (
        f'\'{tmp_path}/index.json\' is no index of data sets, expected {{"sets": [{{"name": ...}}]}}.'
    )


# ---- from the web ---------------------------------------------------------------------------------------------------

CONTENT = b"ds,y\n2024-01-30,1\n2024-01-31,2\n"
CHECKSUM = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Answers with the table, with half of it, or with a refusal; counts what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.asked.append(self.path)
        if "missing" in self.path:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[: 10 if "half" in self.path else None])

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def files_under(folder: Path) -> list[str]:
    return [file.name for file in folder.rglob("*") if file.is_file()]


def test_a_file_is_fetched_once_into_the_cache(server: Server, tmp_path: Path) -> None:
    url = f"{server.address}/some/load%20data.csv?version=2"
    path = datasets.fetch(url, CHECKSUM.upper())
    assert path == tmp_path / "cache" / "ensue" / CHECKSUM[:16] / "load data.csv"
    assert path.read_bytes() == CONTENT
    assert datasets.fetch(url, CHECKSUM) == path
    assert server.asked == ["/some/load%20data.csv?version=2"]
    path.write_bytes(b"damaged")
    assert datasets.fetch(url, CHECKSUM).read_bytes() == CONTENT
    assert len(server.asked) == 2


def test_a_file_is_fetched_to_a_place(server: Server, tmp_path: Path) -> None:
    assert datasets.fetch(f"{server.address}/t.csv", CHECKSUM, tmp_path / "mine.csv") == tmp_path / "mine.csv"
    assert read_table(tmp_path / "mine.csv").frame.height == 2
    with pytest.raises(StorageError) as caught:
        datasets.fetch(f"{server.address}/t.csv", CHECKSUM, tmp_path / "no" / "mine.csv")
    assert str(caught.value) == (
        f"cannot write '{tmp_path}/no/mine.csv': its folder does not exist: create the folder first or choose another place."
    )


def test_another_file_than_the_one_meant_is_not_kept(server: Server, tmp_path: Path) -> None:
    url, other = f"{server.address}/t.csv", "0" * 64
    with pytest.raises(DataError) as caught:
        datasets.fetch(url, other)
    assert str(caught.value) == (
        f"the file at '{url}' has the SHA-256 {CHECKSUM}, expected {other}: it is another file or was damaged on the way, "
        "so it was not kept."
    )
    assert files_under(tmp_path) == []


def test_a_connection_that_breaks_off_leaves_nothing(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"damaged on the way, so it was not kept\.$"):
        datasets.fetch(f"{server.address}/half.csv", CHECKSUM)
    assert files_under(tmp_path) == []


def test_a_refusal_is_said(server: Server, tmp_path: Path) -> None:
    url = f"{server.address}/missing.csv"
    with pytest.raises(DataError) as caught:
        datasets.fetch(url, CHECKSUM)
    assert str(caught.value) == f"'{url}' answered 404 (Not Found), expected a file: check the address."
    assert server.asked == ["/missing.csv"]
    assert files_under(tmp_path) == []


def test_a_server_that_is_not_there(server: Server) -> None:
    server.server_close()
    with pytest.raises(DataError, match=r"cannot be reached \(.*\): check the address and the connection\."):
        datasets.fetch(f"{server.address}/t.csv", CHECKSUM)


def test_addresses_and_checksums_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        datasets.fetch("file:///etc/passwd", CHECKSUM)
    assert str(caught.value) == (
        "'file:///etc/passwd' is no web address, expected one that starts with http:// or https://."
    )
    with pytest.raises(UsageError) as caught:
        datasets.fetch("https://example.org/t.csv", "abc")
    assert str(caught.value) == (
        "the checksum 'abc' is no SHA-256, expected 64 hexadecimal digits: copy it from the source."
    )


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="permission is denied"):
        datasets.fetch(f"{server.address}/t.csv", CHECKSUM)


@pytest.mark.data
def test_every_real_set_is_found(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENSUE_DATA", str(data_folder))
    for name in datasets.names():
        assert {"unique_id", "ds", "y"} <= set(datasets.load(name).columns), name
