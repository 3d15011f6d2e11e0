"""Training a language model: it learns, carries its state, resumes to the same weights, ties what is tied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ensue.baselines.ngrams import nats_by_order
from ensue.data.text import TextFrontEnd, TextOptions
from ensue.errors import ConfigError, DataError, UsageError
from ensue.learn.devices import device_of
from ensue.learn.language_model import Corpus, LanguageObjective, learn, tie
from ensue.learn.modules import build
from ensue.learn.precision import mixed
from ensue.reports import Measure
from ensue.runtime.language import LanguageRuntime
from ensue.tasks.language_model import LanguageModelTask, LanguageSizes
from ensue.tasks.language_options import LanguageOptions, LanguageRecipe

TEXT = "the cat sat on the mat and the dog sat on the cat.\n" * 60
FRONT_END = TextFrontEnd.learn([TEXT], TextOptions(tokens="characters"))
TOKENS = FRONT_END.encode(TEXT)
CORPUS = Corpus(TOKENS[:2500], TOKENS[2500:])
SMALL = {"hidden_size": 16, "layers": 2, "embedding": 8, "dropout": 0.2, "weight_drop": 0.1, "context_length": 20}


def options(**changed: Any) -> LanguageRecipe:
    return LanguageOptions(**SMALL | {"batch_size": 8, "steps": 40, "learning_rate": 0.02} | changed).chosen(
        "characters", 2500
    )


def task(given: LanguageRecipe) -> LanguageModelTask:
    return LanguageModelTask(FRONT_END, given.sizes)


def objective(given: LanguageRecipe) -> LanguageObjective:
    torch.manual_seed(0)
    module = build(task(given).networks()["network"]).eval()
    return LanguageObjective(module, CORPUS, given, torch.device("cpu"))


def test_it_learns_better_than_frequencies() -> None:
    given = options(steps=150, dropout=0.0, weight_drop=0.0)
    weights, report = learn(task(given), CORPUS, given)
    frequencies = nats_by_order(CORPUS.train, CORPUS.valid, FRONT_END.size, 1)[0]
    assert report.validation < 0.6 * frequencies
    assert report.measure == Measure("nats per token", "5-grams")
    assert report.baseline == nats_by_order(CORPUS.train, CORPUS.valid, FRONT_END.size, 5)[4]
    scored = LanguageRuntime(task(given), weights).score(CORPUS.valid, 100)
    assert scored.nats_per_token == pytest.approx(report.validation, rel=0.1)  # validated in parts, scored in one go


def test_batches_go_on_where_the_last_one_ended() -> None:
    made = objective(options())
    first, wanted = made._batch(0, 0)
    second, _ = made._batch(0, 1)
    assert first.shape == (8, 20, 1) and wanted.shape == (8, 20)
    assert torch.equal(first[:, 1:, 0].long(), wanted[:, :-1])
    assert torch.equal(second[:, 0, 0].long(), wanted[:, -1])


def test_the_state_is_carried_and_begun_anew_with_the_text() -> None:
    made = objective(options(dropout=0.0, weight_drop=0.0))
    after_one = made.loss(0) and [each.clone() for each in made._state]
    alone = made.loss(1).item()
    made._state = []
    assert made.loss(1).item() != alone
    made.loss(made.steps_in_epoch)  # the first step of the next epoch does not see this state
    fresh = objective(options(dropout=0.0, weight_drop=0.0))
    fresh.loss(made.steps_in_epoch)
    assert all(torch.equal(one, two) for one, two in zip(made._state, fresh._state, strict=True))
    assert len(after_one) == 4


def test_a_killed_run_ends_in_the_same_weights(tmp_path: Path) -> None:
    given = options()
    whole, _ = learn(task(given), CORPUS, given, checkpoint=tmp_path / "a")

    class Killed(Exception):
        pass

    def kill(progress: Any) -> None:
        if progress.step == 30:
            raise Killed

    with pytest.raises(Killed):
        learn(task(given), CORPUS, given, checkpoint=tmp_path / "b", progress=kill)
    again, report = learn(task(given), CORPUS, given, checkpoint=tmp_path / "b", resume=True)
    assert report.steps == 40
    assert all(np.array_equal(whole[name], again[name]) for name in whole)


def test_tied_weights_are_one_matrix_and_both_are_kept() -> None:
    given = options(tied=True, embedding=16)
    weights, _ = learn(task(given), CORPUS, given)
    head = max(name for name in weights if name.endswith(".weight") and name != "layers.0.weight")
    assert np.array_equal(weights["layers.0.weight"], weights[head])
    task(given).networks()["network"].check_weights({name: each.shape for name, each in weights.items()})
    module = build(task(given).networks()["network"])
    tie(module)
    assert sum(each.numel() for each in module.parameters()) < task(given).networks()["network"].parameter_count


def test_activation_penalties_add_to_the_loss() -> None:
    plain = objective(options(dropout=0.0, weight_drop=0.0)).loss(0)
    for name in ("activation", "change"):
        more = objective(options(dropout=0.0, weight_drop=0.0, **{name: 2.0})).loss(0)
        assert more > plain


def test_smoothing_mixes_in_all_tokens() -> None:
    plain, smooth = objective(options()), objective(options(label_smoothing=0.5))
    read, wanted = plain._batch(0, 0)
    answers = plain.module(read)[0].detach()
    own = -answers.gather(2, wanted[..., None]).mean()
    assert smooth.loss(0).item() == pytest.approx(float(0.5 * own - 0.5 * answers.mean()), rel=1e-4)


def test_a_text_too_short_is_refused() -> None:
    given = options()
    with pytest.raises(
        DataError, match=r"^The text has 2 tokens to learn from and 1 set aside, expected at least 3 and 2: give"
    ):
        learn(task(given), Corpus(TOKENS[:2], TOKENS[:1]), given)


def test_a_short_text_is_read_in_shorter_batches() -> None:
    made = LanguageObjective(
        objective(options()).module, Corpus(TOKENS[:30], TOKENS[:9]), options(), torch.device("cpu")
    )
    assert made.rows * made.length < 30
    assert torch.isfinite(made.loss(0))


def test_choices_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^precision is 'half', choose from 'auto', 'float32', 'bfloat16'\.$"):
        mixed("half", torch.nn.Linear(1, 1), 10)
    with pytest.raises(
        ConfigError, match=r"^language model: dropout is 1, expected a number from 0 up to, not including"
    ):
        LanguageOptions(dropout=1)
    with pytest.raises(ConfigError, match=r"^language model: hidden_size is 0, expected a whole number from 1 to"):
        LanguageOptions(hidden_size=0)
    with pytest.raises(ConfigError, match=r"^preset is 'defaults', did you mean 'default'\?$"):
        LanguageOptions(preset="defaults")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"preset": ["fast"]}, "preset is '['fast']', did you mean 'fast'?"),
        ({"dropout": "0.1"}, "language model: dropout is '0.1', expected a number from 0 up to, not including, 1."),
        (
            {"label_smoothing": None},
            "language model: label_smoothing is None, expected a number from 0 up to, not including, 1.",
        ),
        ({"patience": None}, "language model: patience is None, expected a whole number from 1 to 1000000000."),
        ({"epochs": float("inf")}, "epochs is inf, expected a number from 1e-06 to 10000."),
        ({"learning_rate": [1]}, "learning_rate is [1], expected a number from 1e-09 to 1."),
        ({"activation": float("nan")}, "activation is nan, expected a number from 0 to 10000."),
        ({"seed": "x"}, "language model: seed is 'x', expected a whole number from 0 to 9223372036854775807."),
        ({"tied": 1}, "tied and device are 1 and 'auto', expected True or False, and a name such as 'cpu'."),
        ({"device": 0}, "tied and device are None and 0, expected True or False, and a name such as 'cpu'."),
    ],
)
def test_choices_of_the_wrong_type_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        LanguageOptions(**wrong)
    assert str(refused.value) == said


def test_one_tied_layer_has_the_size_that_was_given() -> None:
    for given in ({"hidden_size": 24}, {"embedding": 24}, {"hidden_size": 24, "embedding": 24}):
        sizes = LanguageOptions(preset="fast", **given).chosen("words", 1000).sizes  # type: ignore[arg-type]
        assert (sizes.tied, sizes.layers, sizes.hidden_size, sizes.embedding) == (True, 1, 24, 24)
        assert LanguageModelTask(FRONT_END, sizes).networks()["network"].state_shapes(1)[0][-1] == 24
    with pytest.raises(ConfigError) as refused:
        LanguageOptions(hidden_size=24, embedding=12, layers=1, tied=True).chosen("characters", 1000)
    assert str(refused.value) == (
        "hidden_size is 24 and embedding 12, but one layer with tied weights has one size: give one of them, or tied=False."
    )
    for tied in (False, None):
        apart = LanguageOptions(hidden_size=24, embedding=12, layers=1, tied=tied).chosen("words", 1000)
        assert (apart.tied, apart.hidden_size, apart.embedding) == (False, 24, 12)


def test_what_is_read_before_a_text_is_learned_where_the_text_has_none_of_it() -> None:
    """A text may begin with anything, so what is expected at its beginning is how often each token is there."""
    text = " ".join(np.random.default_rng(0).choice(["cat", "dog", "mouse"], 900))
    front_end = TextFrontEnd.learn([text], TextOptions(tokens="bytes"))
    tokens, given = front_end.encode(text), options(steps=150, dropout=0.0, weight_drop=0.0)
    one = LanguageModelTask(front_end, given.sizes)
    weights, _ = learn(one, Corpus(tokens[:3000], tokens[3000:]), given)
    runtime = LanguageRuntime(one, weights)
    expected, _ = runtime.read([one.first], runtime.begin())
    shares = np.bincount(tokens, minlength=front_end.size) / len(tokens)
    divergence = shares[shares > 0] * (np.log(shares[shares > 0]) - expected[shares > 0])
    assert one.first == front_end.encode("\n")[0] and divergence.sum() < 0.1


def test_a_device_without_numbers_is_refused() -> None:
    with pytest.raises(UsageError) as refused:
        device_of("meta")
    assert str(refused.value) == (
        "device is 'meta', which PyTorch cannot use here: give --device cpu, or install a build that can."
    )


def test_every_preset_and_kind_makes_a_network() -> None:
    for kind in ("characters", "words", "subwords", "bytes"):
        for preset in ("fast", "default", "thorough"):
            for tokens in (1000, 1_000_000, 100_000_000):
                chosen = LanguageOptions(preset=preset).chosen(kind, tokens)
                assert chosen.epochs and chosen.sizes == LanguageSizes(**vars(chosen.sizes))
                LanguageModelTask(FRONT_END, chosen.sizes).networks()
