"""Options refuse what cannot be right, in a sentence; a TOML file says the same as the constructor."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue.config import PRESETS, QUANTILES, DataOptions, TrainOptions, load_config
from ensue.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "ensue.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_quantiles_are_symmetric_and_increasing() -> None:
    assert list(QUANTILES) == sorted(QUANTILES)
    assert [round(1 - level, 3) for level in reversed(QUANTILES)] == list(QUANTILES)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"horizon": 0}, "horizon is 0, expected 1 or more steps: give --horizon 30, for example."),
        ({"horizon": 2.5}, "horizon is 2.5, expected 1 or more steps: give --horizon 30, for example."),
        ({"preset": "thorogh"}, "preset is 'thorogh', which is not one: did you mean 'thorough'?"),
        ({"steps": 0}, "steps is 0, expected a whole number of 1 or more."),
        ({"seed": -1}, "seed is -1, expected a whole number of 0 or more: give --seed 0, for example."),
        ({"threads": 0}, "threads is 0, expected a whole number of 1 or more."),
        ({"device": "gpu"}, "device is 'gpu', expected 'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'."),
        ({"hidden_size": True}, "hidden_size is True, expected a whole number of 1 or more."),
        ({"context_length": 0}, "context_length is 0, expected a whole number of 1 or more."),
        ({"learning_rate": 0.0}, "learning_rate is 0.0, expected a number between 0 and 1, such as 0.001."),
    ],
)
def test_training_options_out_of_range_are_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainOptions(**options)  # type: ignore[arg-type]
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"duplicates": "last"}, "duplicates is 'last', expected 'error', 'first' or 'mean'."),
        ({"season": (24, 0)}, "season is [24, 0], expected lengths in steps of 1 or more, such as 24,168."),
    ],
)
def test_data_options_out_of_range_are_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        DataOptions(**options)  # type: ignore[arg-type]
    assert str(caught.value) == sentence


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_recipe_is_the_presets_with_given_numbers_in_place(preset: str) -> None:
    assert TrainOptions(preset=preset).recipe == PRESETS[preset]
    changed = TrainOptions(preset=preset, steps=7, learning_rate=0.5).recipe
    assert (changed.steps, changed.learning_rate) == (7, 0.5)
    assert changed.hidden_size == PRESETS[preset].hidden_size


def test_file_fills_both_tables(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [data]
        target = "load"
        past = ["wind"]
        season = [24, 168]
        [train]
        horizon = 48
        preset = "fast"
        learning_rate = 0.01
        """,
    )
    assert load_config(path) == (
        DataOptions(target="load", past=("wind",), season=(24, 168)),
        TrainOptions(horizon=48, preset="fast", learning_rate=0.01),
    )


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, "")) == (DataOptions(), TrainOptions())


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("[trian]", "there is no table [trian]: did you mean 'train'?"),
        ("horizon = 3", "'horizon' stands outside a table: put it under [data] or [train]."),
        ("[train]\nhorizn = 3", "[train] has no option 'horizn': did you mean 'horizon'?"),
        ("[train]\nhorizon = '3'", "[train] horizon is '3', expected a whole number, such as 30."),
        ("[train]\nhorizon = true", "[train] horizon is True, expected a whole number, such as 30."),
        ("[train]\nlearning_rate = 'a'", "[train] learning_rate is 'a', expected a number, such as 0.001."),
        ("[data]\ntarget = 3", '[data] target is 3, expected text in quotes, such as "temperature".'),
        ("[data]\npast = 'a'", '[data] past is \'a\', expected a list of column names, such as ["rain", "wind"].'),
        ("[data]\nseason = [1.5]", "[data] season is [1.5], expected a list of whole numbers, such as [24, 168]."),
        ("[train]\nhorizon = 0", "horizon is 0, expected 1 or more steps: give --horizon 30, for example."),
    ],
)
def test_a_file_that_is_wrong_is_refused_by_name(tmp_path: Path, text: str, rest: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value) == f"{path}: {rest}"


def test_broken_toml_names_the_line(tmp_path: Path) -> None:
    path = written(tmp_path, "[train]\nhorizon = \n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value).startswith(f"The configuration file {path} is not TOML: ")
    assert "(at line 2, column 11)" in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "missing.toml"
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert (
        str(caught.value)
        == f"The configuration file {path} cannot be read (no such file or directory): check its path."
    )


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b"[data]\ntarget = '\xe9t\xe9'")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(caught.value) == f"The configuration file {path} is not UTF-8 text: save it as UTF-8."


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("config") / "any.toml"
    path.write_text(text, encoding="utf-8")
    try:
        loaded = load_config(path)
    except ConfigError as refused:
        loaded = (str(refused), "")
    assert str(path) in loaded[0] if isinstance(loaded[0], str) else isinstance(loaded[1], TrainOptions)
