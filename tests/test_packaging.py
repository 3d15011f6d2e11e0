"""What comes out when Ensue is built: everything that belongs in it, with the native core or, where that fails, without."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(not (ROOT / "CMakeLists.txt").exists(), reason="wants Ensue's sources")


def build(what: str, into: Path, settings: dict[str, str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a hook of the build backend as pip does, in a process of its own."""
    code = f"from scikit_build_core.build import build_{what}; build_{what}({str(into)!r}, {settings!r})"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def files_under(folder: str) -> set[str]:
    """Files of the working tree, as paths from its root, without what Python writes."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_a_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    build("wheel", tmp_path, {"wheel.cmake": "false"}).check_returncode()
    (wheel,) = tmp_path.iterdir()
    with zipfile.ZipFile(wheel) as opened:
        names = {name for name in opened.namelist() if ".dist-info/" not in name}
    assert names == {name.removeprefix("src/") for name in files_under("src")}
    assert {"ensue/py.typed", "ensue/_native.pyi", "ensue/data/packaged/seattle_weather.csv"} <= names


def test_a_source_archive_holds_what_builds_and_tests_it(tmp_path: Path) -> None:
    build("sdist", tmp_path, {}).check_returncode()
    (archive,) = tmp_path.iterdir()
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    wanted = files_under("src") | files_under("native") | files_under("tests")
    assert wanted | {"CMakeLists.txt", "pyproject.toml", "constraints.txt", "LICENSE", "README.md", "Makefile"} <= names
    assert not [name for name in names if name.startswith(("build/", ".venv/", "out/"))]


@pytest.fixture
def no_compiler() -> dict[str, str]:
    false = shutil.which("false")
    if false is None:
        pytest.skip("this machine has no program that always fails")
    return {"CC": false, "CXX": false}


def test_without_a_compiler_the_wheel_is_plain_python(tmp_path: Path, no_compiler: dict[str, str]) -> None:
    settings = {"build-dir": str(tmp_path / "build")}
    build("wheel", tmp_path / "dist", settings, ENSUE_BUILD="", **no_compiler).check_returncode()
    assert [path.name for path in (tmp_path / "dist").iterdir()] == ["ensue-0.1.0-py3-none-any.whl"]


def test_where_the_native_core_is_asked_for_no_compiler_is_a_failure(
    tmp_path: Path, no_compiler: dict[str, str]
) -> None:
    settings = {"build-dir": str(tmp_path / "build")}
    done = build("wheel", tmp_path / "dist", settings, ENSUE_BUILD="native", **no_compiler)
    assert done.returncode != 0
    assert not list((tmp_path / "dist").glob("*.whl"))


@pytest.mark.parametrize(("wanted", "more"), [("one-wheel", ["nanobind-backend>=1.0"]), ("native", []), ("", [])])
def test_only_one_wheel_for_all_pythons_needs_a_package_more(
    wanted: str, more: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.util.spec_from_file_location("wheel_needs", ROOT / "native" / "wheel_needs.py")
    assert spec is not None and spec.loader is not None
    wheel_needs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(wheel_needs)
    monkeypatch.setenv("ENSUE_BUILD", wanted)
    assert wheel_needs.dynamic_metadata({}, {}) == {"dependencies": more}


def test_every_source_of_the_core_is_built() -> None:
    listed = re.findall(r"\w+\.cpp", (ROOT / "native" / "CMakeLists.txt").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(path.name for path in (ROOT / "native").glob("*.cpp"))


def test_the_kernels_include_no_header_of_the_c_plus_plus_library() -> None:
    """What such a header defines inline, compiled for AVX-512, the linker might take for machines without it."""
    native = ROOT / "native"
    seen, waiting, foreign = set[str](), ["kernel.cpp"], set[str]()
    while waiting:
        seen.add(name := waiting.pop())
        found = re.findall(r'^\s*#\s*include\s+(["<])([^">]+)', (native / name).read_text(encoding="utf-8"), re.M)
        waiting += [header for mark, header in found if mark == '"' and header not in seen]
        foreign |= {header for mark, header in found if mark == "<"}
    assert len(seen) > 2
    assert foreign <= {"stddef.h", "stdint.h", "string.h", "immintrin.h", "arm_neon.h"}
