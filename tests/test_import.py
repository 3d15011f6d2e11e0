"""What an import brings along, seen from a fresh interpreter: nothing heavy, and PyTorch only where one trains."""

from __future__ import annotations

import ast
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ensue
from ensue.estimators import ESTIMATORS

NATIVE = {"learn/native_call.py", "runtime/engine.py", "runtime/native_engine.py", "runtime/native_forecaster.py"}
"""Who may import the native core: it may be missing, and these know what to do then."""

HEAVY = ("torch", "polars", "narwhals", "numpy", "pandas", "pyarrow", "altair", "typer", "rich", "safetensors")


def loaded_after(code: str) -> set[str]:
    """Names of the top-level packages a fresh interpreter has loaded after running `code`."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def using_modules() -> list[str]:
    """Every module of the package that does not belong to the learning wing."""
    names = [each.name for each in pkgutil.walk_packages(ensue.__path__, "ensue.")]
    return [name for name in names if not name.startswith("ensue.learn") and name != "ensue.__main__"]


def test_import_ensue_brings_nothing_heavy() -> None:
    assert loaded_after("import ensue; ensue.__version__; dir(ensue)").isdisjoint(HEAVY)


def test_the_errors_and_the_options_bring_nothing_heavy() -> None:
    assert loaded_after("import ensue; ensue.EnsueError; import ensue.config").isdisjoint(HEAVY)


def test_the_command_line_starts_light() -> None:
    heavy = set(HEAVY) - {"typer", "rich"}
    assert loaded_after("from ensue.cli import run; run(['--help'])").isdisjoint(heavy)


def test_no_module_but_the_learning_wing_imports_torch() -> None:
    modules = using_modules()
    assert "ensue.config" in modules
    assert "torch" not in loaded_after("\n".join(f"import {name}" for name in modules))


@pytest.mark.parametrize("place", ["ensue.estimators.forecaster:Forecaster", *ESTIMATORS.values()])
def test_without_pytorch_a_fit_says_what_to_install(place: str) -> None:
    module, _, name = place.partition(":")
    data = {"Forecaster": "steps", "LanguageModel": "'a'", "Composer": "'a'"}.get(name, "['a'], ['b']")
    code = f"""
import sys
sys.modules["torch"] = None
import polars
from {module} import {name}
from ensue import MissingExtraError
steps = polars.DataFrame({{"x": [float(i % 7) for i in range(200)]}})
try:
    {name}().fit({data})
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == (
        "Training needs the package 'torch', which is not installed: install it with pip install 'ensue[train]'.\n"
    )


def imported(source: str) -> Iterator[str]:
    """Full names of what a module imports, at its top and inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module or ''}.{alias.name}" for alias in node.names)


def test_few_import_the_native_core() -> None:
    package = Path(ensue.__file__).parent
    sources = {path.relative_to(package).as_posix(): path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    importers = {name for name, source in sources.items() if any("._native" in each for each in imported(source))}
    assert "runtime/engine.py" in importers
    assert importers <= NATIVE


def test_import_ensue_does_not_load_the_native_core() -> None:
    code = "import ensue, sys; dir(ensue); print('ensue._native' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


def test_public_names_are_all_there() -> None:
    assert dir(ensue) == sorted(ensue.__all__)
    for name in ensue.__all__:
        assert getattr(ensue, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'ensue' has no attribute 'Forcaster'$"):
        ensue.Forcaster  # type: ignore[attr-defined]  # noqa: B018
