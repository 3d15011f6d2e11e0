"""The translation task says what it is, and takes nothing else for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ensue.data.text import TextFrontEnd, TextOptions
from ensue.errors import ConfigError, DataError
from ensue.tasks.bleu import bleu
from ensue.tasks.translation import Sizes, TranslationTask
from ensue.tasks.translation_recipe import PRESETS, TranslationOptions

SMALL = Sizes(embedding=6, encoder=5, encoder_layers=2, decoder=7)


def front_end(text: str) -> TextFrontEnd:
    return TextFrontEnd.learn([text], TextOptions(tokens="characters"))


SHARED = TranslationTask(front_end("abc"), front_end("abc"), SMALL, longest=9)
APART = TranslationTask(front_end("abc"), front_end("xyzw"), SMALL, shared=False)


@pytest.mark.parametrize("task", [SHARED, APART])
def test_a_task_comes_back_from_json(task: TranslationTask) -> None:
    plain = json.loads(json.dumps(task.to_json()))
    again = TranslationTask.from_json(plain)
    assert again == task
    assert again.networks() == task.networks()


def test_the_networks_fit_into_each_other() -> None:
    networks = APART.networks()
    memory = networks["source"].output_size
    assert memory == 10
    assert networks["source"].input_size == networks["target"].input_size == 1
    assert networks["bridge"].input_size == networks["keys"].input_size == memory
    assert networks["bridge"].output_size == 2 * networks["cell"].output_size
    assert networks["cell"].input_size == networks["target"].output_size + networks["combine"].output_size
    assert networks["combine"].input_size == networks["cell"].output_size + memory
    assert networks["answer"].input_size == networks["combine"].output_size
    assert networks["answer"].output_size == APART.target.size == 7
    assert not networks["source"].causal and networks["cell"].causal


def test_tables_that_are_one_count_once() -> None:
    def whole(task: TranslationTask) -> int:
        return sum(network.parameter_count for network in task.networks().values())

    assert whole(SHARED) - SHARED.parameter_count == 2 * 6 * 6
    assert whole(APART) - APART.parameter_count == 7 * 6


@pytest.mark.parametrize(
    "spoil",
    [
        lambda plain: plain.pop("source"),
        lambda plain: plain.update(sizes={"embedding": 0}),
        lambda plain: plain.update(sizes={"breadth": 3}),
        lambda plain: plain.update(longest="far"),
        lambda plain: plain.update(target={"kind": "smells"}),
        lambda plain: plain.update(source=None),
    ],
)
def test_anything_else_is_refused(spoil: Callable[[dict[str, Any]], Any]) -> None:
    plain = APART.to_json()
    spoil(plain)
    with pytest.raises((KeyError, TypeError, ValueError)):
        TranslationTask.from_json(plain)


def test_different_tokens_cannot_be_shared() -> None:
    with pytest.raises(ConfigError) as refused:
        replace(APART, shared=True)
    assert str(refused.value) == "translation: the two sides have different tokens, expected the same where they share."


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"preset": "fst"}, "preset is 'fst', did you mean 'fast'?"),
        ({"tokens": "subword"}, "tokens is 'subword', did you mean 'subwords'?"),
        ({"steps": 0}, "translation: steps is 0, expected a whole number from 1 to 1000000000."),
        ({"dropout": 1.0}, "translation: dropout is 1.0, expected a number from 0 up to, not including, 1."),
        ({"learning_rate": 2}, "learning_rate is 2, expected a number between 0 and 1, such as 0.001."),
        ({"preset": {}}, "preset is '{}', choose from 'fast', 'default', 'thorough'."),
        ({"tokens": 5}, "tokens is '5', choose from 'bytes', 'characters', 'words', 'subwords'."),
        ({"shared": "yes"}, "shared is 'yes', expected True or False."),
        ({"dropout": "0.5"}, "translation: dropout is '0.5', expected a number from 0 up to, not including, 1."),
        ({"learning_rate": "0.1"}, "learning_rate is '0.1', expected a number between 0 and 1, such as 0.001."),
        ({"batch": 2.0}, "translation: batch is 2.0, expected a whole number from 1 to 1000000000."),
        ({"lowercase": "no"}, "lowercase is 'no', expected True or False."),
        ({"device": 1}, "device is 1, expected a name such as 'cpu'."),
        ({"precision": "half"}, "precision is 'half', choose from 'auto', 'float32', 'bfloat16'."),
        ({"vocabulary": 3}, "text: vocabulary is 3, expected a whole number from 10 to 1000000."),
    ],
)
def test_what_cannot_be_right_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        TranslationOptions(**options)
    assert str(refused.value) == sentence


def test_a_choice_takes_the_place_of_the_presets() -> None:
    recipe = TranslationOptions(preset="fast", dropout=0.5, batch=7).recipe
    assert recipe == replace(PRESETS["fast"], batch=7, sizes=replace(PRESETS["fast"].sizes, dropout=0.5))
    assert TranslationOptions().shares and not TranslationOptions(tokens="words").shares


def test_bleu_says_its_settings_and_refuses_unequal_lists() -> None:
    found = bleu(["the cat sat on the mat today"], ["the cat sat on the mat"])
    assert 70 < found.score < 100
    assert str(found).startswith(f"sacreBLEU {found.score:.1f} (nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    with pytest.raises(DataError) as refused:
        bleu(["a"], ["a", "b"])
    assert str(refused.value) == "1 translations and 2 references were given, expected equally many."
