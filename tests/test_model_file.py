"""A model file gives back the model that was saved, or one sentence."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save, save_file

from ensue import __version__, model_file, storage
from ensue.errors import ModelFileError, StorageError
from ensue.model_file import load_model, save_model
from ensue.network import LSTM, Linear, Network

NETWORK = Network((LSTM(2, 3), Linear(3, 1)))
DESCRIPTION = {"network": NETWORK.to_json(), "task": "forecasting", "ids": ["Zürich", "<b>"], "scale": [0.1, 1e-300]}


def random_weights(prefix: str = "", seed: int = 0) -> dict[str, NDArray[Any]]:
    generator = np.random.default_rng(seed)
    shapes = NETWORK.parameters()
    return {prefix + name: generator.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def same(first: dict[str, NDArray[Any]], second: dict[str, NDArray[Any]]) -> bool:
    return first.keys() == second.keys() and all(
        first[name].dtype == second[name].dtype and np.array_equal(first[name], second[name]) for name in first
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.ensue"
    save_model(path, random_weights(), DESCRIPTION)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ModelFileError) as error:
        load_model(path)
    return str(error.value).replace(str(path), "FILE")


def rewrite(path: Path, **changes: Any) -> None:
    """Change Ensue's entry in the metadata, leaving the weights as they are."""
    with safe_open(path, "numpy") as file:
        content = json.loads(file.metadata()["ensue"])
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(weights, path, {"ensue": json.dumps(content | changes)})


def test_gives_back_what_was_saved(path: Path) -> None:
    weights, description = load_model(path)
    assert same(weights, random_weights())
    assert description == DESCRIPTION


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_keeps_the_type_and_takes_any_memory_layout(tmp_path: Path, dtype: type) -> None:
    weights = {name: np.asfortranarray(each.astype(dtype)) for name, each in random_weights().items()}
    save_model(tmp_path / "a", weights, DESCRIPTION)
    assert same(load_model(tmp_path / "a")[0], weights)


def test_the_same_model_is_the_same_bytes(tmp_path: Path) -> None:
    weights = random_weights()
    save_model(tmp_path / "a", weights, DESCRIPTION)
    save_model(tmp_path / "b", dict(reversed(weights.items())), dict(reversed(DESCRIPTION.items())))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_members_are_sets_of_weights(tmp_path: Path) -> None:
    weights = random_weights("members.0.", 1) | random_weights("members.1.", 2)
    description = {**DESCRIPTION, "members": 2}
    save_model(tmp_path / "a", weights, description)
    assert same(load_model(tmp_path / "a")[0], weights)
    for members, sentence in [
        (1, "The weights hold a parameter 'members.1.layers.0.bias_hh_l0' that none of the 1 members has."),
        (3, "In members.2: The weights lack the parameter 'layers.0.weight_ih_l0' of shape (12, 2)."),
        (0, "The model names 0 members, expected a whole number from 1 to 1000."),
    ]:
        with pytest.raises(ModelFileError) as error:
            save_model(tmp_path / "b", dict(sorted(weights.items())), {**description, "members": members})
        assert str(error.value) == sentence


def two_networks() -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    first, second = Network((Linear(2, 3),)), Network((LSTM(3, 2),))
    networks = {"encoder": first, "answer_to_it": second}
    weights = {
        f"{name}.{each}": np.full(shape, 0.5, np.float32)
        for name, network in networks.items()
        for each, shape in network.parameters().items()
    }
    return weights, {"networks": {name: network.to_json() for name, network in networks.items()}}


def test_several_networks_stand_under_their_names(tmp_path: Path) -> None:
    weights, description = two_networks()
    save_model(tmp_path / "a.ensue", weights, description)
    read, described = load_model(tmp_path / "a.ensue")
    assert set(read) == set(weights) and described == json.loads(json.dumps(description))


def test_refuses_several_networks_that_do_not_fit(tmp_path: Path) -> None:
    weights, description = two_networks()
    lacking = {name: each for name, each in weights.items() if name != "encoder.layers.0.bias"}
    renamed = {"networks": {"En-coder": description["networks"]["encoder"]}}
    for arrays, described, said in (
        (lacking, description, "In encoder: The weights lack the parameter 'layers.0.bias' of shape (3,)."),
        (weights | {"decoder.x": np.ones(1, "f")}, description,
         "The weights hold a parameter 'decoder.x' that none of the networks has."),
        (weights | {"encoder": np.ones(1, "f")}, description,
         "The weights hold a parameter 'encoder' that none of the networks has."),
        (weights, {"networks": {}}, "The description's networks are no table of 1 to 100 of them."),
        (weights, {"networks": [1]}, "The description's networks are no table of 1 to 100 of them."),
        (weights, renamed, "A network is called 'En-coder', expected lower-case letters and _."),
        (weights, {"networks": {"data": description["networks"]["encoder"]}},
         "A network is called 'data', expected lower-case letters and _."),
        (weights, {"networks": {"encoder": 3}},
         "The network description is not a table with the one entry 'layers'."),
    ):  # fmt: skip
        with pytest.raises(ModelFileError) as refused:
            save_model(tmp_path / "b.ensue", arrays, described)
        assert str(refused.value) == said
    assert not (tmp_path / "b.ensue").exists()


def test_the_tasks_own_arrays_stand_beside_the_weights(tmp_path: Path) -> None:
    own = {"data.rows": np.array([0, 2**60]), "data.y": np.array([[1.0, np.nan]]), "data.none": np.zeros((0, 3))}
    save_model(tmp_path / "a", random_weights() | own, DESCRIPTION)
    loaded, _ = load_model(tmp_path / "a")
    for name, array in own.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded.pop(name), array)
    assert same(loaded, random_weights())
    with pytest.raises(ModelFileError) as error:
        save_model(tmp_path / "b", random_weights() | {"data.y": np.zeros(3, np.float32)}, DESCRIPTION)
    assert str(error.value) == "The model has an array 'data.y' of type float32, expected int64 or float64."


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_anywhere_is_noticed(path: Path, data: st.DataObject) -> None:
    """Cut, lengthened, or with some bytes changed: one sentence, or the very model."""
    content = bytearray(path.read_bytes())
    damaged = path.with_name("damaged")
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    kept = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    damaged.write_bytes(bytes(content[:kept]) + data.draw(st.binary(max_size=3)))
    try:
        weights, description = load_model(damaged)
    except ModelFileError:
        return
    assert same(weights, random_weights())
    assert description == DESCRIPTION


def test_every_single_bit_of_the_weights_counts(path: Path) -> None:
    content = path.read_bytes()
    for place in range(1, 4 * NETWORK.parameter_count, 7):
        path.write_bytes(content[:-place] + bytes([content[-place] ^ 1]) + content[len(content) - place + 1 :])
        assert (
            refusal(path)
            == "The model file 'FILE' is damaged: its checksum does not match what it holds; copy it again."
        )


@given(junk=st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_other_bytes_are_refused(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / "junk").write_bytes(junk)
    refusal(tmp_path / "junk")


FOREIGN = "'FILE' is no model file of Ensue's, or a damaged one: give a file that `ensue train` has written."


def test_refuses_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "other"
    for content in (
        save({"a": np.zeros(3, np.float32)}),
        save({"a": np.zeros(3, np.float32)}, {"ensue": "no JSON"}),
        save({"a": np.zeros(3, np.float32)}, {"ensue": "[1, 2]"}),
        save({"a": np.zeros(3, np.float32)}, {"ensue": '{"description": {}, "description": {}}'}),
        save({"a": np.zeros(3, np.float32)}, {"ensue": '{"description": {"scale": NaN}}'}),
        save({"a": np.zeros(3, np.float32)}, {"ensue": '{"description": {"scale": 1e999}}'}),
        save({"a": np.zeros(3, np.float32)}, {"ensue": "[" * 100_000}),
        save({"a": np.zeros(3, np.int32)}, {"ensue": '{"description": {}}'}),
        b"date,value\n2024-01-01,3\n" * 10,
        b"PK\x03\x04" + bytes(100),
        (200_000_000).to_bytes(8, "little") + b"{" * 100,
        b"abc",
    ):
        path.write_bytes(content)
        assert refusal(path) == FOREIGN


def test_refuses_a_header_with_a_name_twice(path: Path) -> None:
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + length].rstrip()
    entry = b',"layers.1.bias":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    header = header[:-1] + entry
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + length :])
    assert refusal(path) == FOREIGN


def test_refuses_a_file_that_is_cut_short(path: Path) -> None:
    content = path.read_bytes()
    size = 4 * NETWORK.parameter_count
    path.write_bytes(content[:-5])
    assert refusal(path) == (
        f"The model file 'FILE' holds {size - 5} bytes of weights, expected {size}: "
        "it is cut short or damaged; copy it again."
    )
    path.write_bytes(content[:100])
    assert refusal(path) == "The model file 'FILE' ends within its header: it is cut short; copy it again."
    path.write_bytes(b"")
    assert refusal(path) == "The model file 'FILE' is empty: train or copy it again."


def test_a_missing_file_offers_the_nearest(path: Path) -> None:
    assert refusal(path.with_name("modle.ensue")) == (
        f"There is no model file '{path.with_name('modle.ensue')}': did you mean '{path}'?".replace(
            str(path.with_name("modle.ensue")), "FILE"
        )
    )
    assert refusal(path.with_name("x")) == "There is no model file 'FILE': check the name, or train a model first."
    far = path.parent / "no" / "x"
    assert refusal(far) == f"There is no model file 'FILE', nor a folder '{far.parent}': check the path."
    assert refusal(path.parent) == "The model file 'FILE' cannot be read: Is a directory."


def test_a_newer_format_says_who_wrote_it(path: Path) -> None:
    rewrite(path, format_version=2, ensue_version="9.1.0")
    assert refusal(path) == (
        f"The model file 'FILE' has format 2, written by Ensue 9.1.0, and this is Ensue {__version__}, which reads up "
        "to format 1: upgrade Ensue."
    )
    for version in (0, True, "1", None):
        rewrite(path, format_version=version)
        assert (
            refusal(path) == "The model file 'FILE' is damaged: its format version is no whole number; copy it again."
        )


def test_an_older_format_is_migrated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rename(weights: dict[str, Any], description: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        return weights, {**description, "task": "forecast"}

    monkeypatch.setattr(model_file, "FORMAT_VERSION", 2)
    monkeypatch.setitem(model_file.MIGRATIONS, 1, rename)
    weights, description = load_model(path)
    assert same(weights, random_weights())
    assert description == {**DESCRIPTION, "task": "forecast"}


def test_there_is_a_migration_from_every_older_format() -> None:
    assert sorted(model_file.MIGRATIONS) == list(range(1, model_file.FORMAT_VERSION))


def test_a_description_that_was_edited_is_noticed(path: Path) -> None:
    rewrite(path, description={**DESCRIPTION, "task": "other"})
    assert (
        refusal(path) == "The model file 'FILE' is damaged: its checksum does not match what it holds; copy it again."
    )


def test_refuses_to_save_what_it_would_refuse_to_load(tmp_path: Path) -> None:
    weights = random_weights()
    infinite = {**weights, "layers.1.bias": np.array([np.inf], np.float32)}
    whole = {**weights, "layers.1.bias": np.array([1], np.int64)}
    wrong = {**weights, "layers.1.bias": np.zeros((2,), np.float32)}
    cases: list[tuple[dict[str, Any], dict[str, Any], str]] = [
        (
            infinite,
            DESCRIPTION,
            "The model has a parameter 'layers.1.bias' with values that are not finite: train it again.",
        ),
        (whole, DESCRIPTION, "The model has a parameter 'layers.1.bias' of type int64, expected a float."),
        (wrong, DESCRIPTION, "The parameter 'layers.1.bias' has shape (2,), expected (1,)."),
        (weights, {}, "The network description is not a table with the one entry 'layers'."),
        (
            weights,
            {**DESCRIPTION, "x": float("nan")},
            "The model's description cannot be written as JSON: Out of range float values are not JSON compliant: nan.",
        ),
    ]
    for given_weights, description, sentence in cases:
        with pytest.raises(ModelFileError) as error:
            save_model(tmp_path / "a", given_weights, description)
        assert str(error.value).replace("compliant.", "compliant: nan.") == sentence  # Python 3.11 does not say which
    with pytest.raises(ModelFileError, match="cannot be written as JSON"):
        save_model(tmp_path / "a", weights, {**DESCRIPTION, "x": {1, 2}})
    assert os.listdir(tmp_path) == []


def test_tuples_and_numbered_entries_come_back_as_json_has_them(tmp_path: Path) -> None:
    save_model(tmp_path / "a", random_weights(), {**DESCRIPTION, "levels": (0.5, 0.9), "by": {10: 1, 9: 2}})
    _, description = load_model(tmp_path / "a")
    assert description == {**DESCRIPTION, "levels": [0.5, 0.9], "by": {"10": 1, "9": 2}}


def test_a_disk_that_fills_leaves_the_old_model(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(storage.os, "fsync", full)
    with pytest.raises(StorageError):
        save_model(path, random_weights(seed=1), DESCRIPTION)
    assert same(load_model(path)[0], random_weights())
    assert os.listdir(path.parent) == ["model.ensue"]
