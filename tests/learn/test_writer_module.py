"""What trains and what translates are one model: the same probabilities, the same greedy translations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from ensue.data.text import BEGIN, END, TextFrontEnd, TextOptions
from ensue.decoding import BeamOptions
from ensue.errors import ModelFileError
from ensue.learn.sentence_batches import SentenceBatches, padded
from ensue.learn.writer_module import WriterModule
from ensue.runtime.translation import TranslationRuntime
from ensue.tasks.translation import Sizes, TranslationTask, longest_translation

LETTERS = TextFrontEnd.learn(["abcdefgh"], TextOptions(tokens="characters"))
TASK = TranslationTask(LETTERS, LETTERS, Sizes(6, 5, 2, 7, dropout=0.4, word_dropout=0.2), longest=9)
SOURCES = [LETTERS.encode(text) for text in ("abc", "h", "hgfedc", "bb")]
TARGETS = [LETTERS.encode(text) for text in ("cb", "aaaah", "g", "fed")]


def module(task: TranslationTask = TASK, seed: int = 0) -> WriterModule:
    """Weights far from zero, so that translations differ from each other."""
    torch.manual_seed(seed)
    made = WriterModule(task).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(3)
    return made


def test_tables_that_are_one_are_one_parameter() -> None:
    shared, apart = module(), module(replace(TASK, shared=False))
    assert shared.parts["source"].layers[0].weight is shared.parts["answer"].layers[-1].weight
    assert apart.parts["source"].layers[0].weight is not apart.parts["target"].layers[0].weight
    assert apart.parts["target"].layers[0].weight is apart.parts["answer"].layers[-1].weight
    for each in (shared, apart):
        assert sum(parameter.numel() for parameter in each.parameters()) == each.task.parameter_count


def test_weights_come_back_and_others_are_refused() -> None:
    one, other = module(seed=1), module(seed=2)
    weights = one.weights()
    for name, network in TASK.networks().items():
        network.check_weights({key: array.shape for key, array in weights[name].items()})
    other.load(weights)
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
    del weights["bridge"]["layers.0.bias"]
    with pytest.raises(ModelFileError, match=r"^The weights lack the parameter 'layers.0.bias'"):
        other.load(weights)


@pytest.mark.parametrize("executor", ["native", "numpy"])
def test_the_runtime_says_the_probabilities_that_training_sees(monkeypatch: pytest.MonkeyPatch, executor: str) -> None:
    if executor == "native":
        pytest.importorskip("ensue._native")
    monkeypatch.setenv("ENSUE_EXECUTOR", executor)
    trained = module()
    runtime = TranslationRuntime(TASK, trained.weights())
    batch = SentenceBatches(SOURCES, TARGETS, 4).batch(np.arange(4))
    with torch.no_grad():
        wanted = torch.log_softmax(trained.scores(trained(batch)), dim=1).numpy()
    state = runtime.remember(SOURCES, beam=1)
    said = []
    for tokens in batch.given.T.numpy():
        answer = runtime.step(tokens[:, None], state)
        state = answer.state
        said.append(answer.log_probabilities[:, 0])
    found = np.stack(said, axis=1)[batch.inside.numpy()]
    np.testing.assert_allclose(found, wanted, rtol=2e-4, atol=2e-4)


def test_the_loss_is_that_of_the_probabilities() -> None:
    trained = module()
    batch = SentenceBatches(SOURCES, TARGETS, 4).batch(np.arange(4))
    logs = torch.log_softmax(trained.scores(trained(batch)), dim=1)
    right = logs.gather(1, batch.wanted[batch.inside].unsqueeze(1)).mean()
    torch.testing.assert_close(trained.loss(batch, 0.0), -right)
    torch.testing.assert_close(trained.loss(batch, 0.1), -0.9 * right - 0.1 * logs.mean())


@pytest.mark.parametrize("seed", range(5))
def test_greedy_translations_while_training_are_those_of_the_runtime(seed: int) -> None:
    trained = module(seed=seed)
    tokens, lengths = padded([np.append(each, END) for each in SOURCES])
    greedy = trained.write(tokens, lengths, longest_translation(int(lengths.max())))
    runtime = TranslationRuntime(TASK, trained.weights())
    for source, mine in zip(SOURCES, greedy, strict=True):
        [[found]] = runtime.search([source], BeamOptions(beam=1))
        assert found.tokens == tuple(mine[: longest_translation(len(source) + 1)])


def test_dropout_acts_in_training_alone() -> None:
    trained = module()
    batch = SentenceBatches(SOURCES, TARGETS, 4).batch(np.arange(4))
    assert trained.loss(batch, 0.0) == trained.loss(batch, 0.0)
    trained.train()
    assert trained.loss(batch, 0.0) != trained.loss(batch, 0.0)


def test_a_batch_is_padded_begun_and_ended() -> None:
    batch = SentenceBatches(SOURCES, TARGETS, 4).batch(np.array([1, 0]))
    assert batch.source.tolist() == [[10, END, 0, 0], [3, 4, 5, END]]
    assert batch.source_lengths.tolist() == [2, 4]
    assert batch.given[1].tolist() == [BEGIN, 5, 4, 0, 0, 0]
    assert batch.wanted[1].tolist() == [5, 4, END, 0, 0, 0]
    assert batch.inside[1].tolist() == [True, True, True, False, False, False]


def test_an_epoch_holds_every_pair_once_and_depends_on_seed_and_number() -> None:
    dice = np.random.default_rng(0)
    pairs = [np.full(length, 3) for length in dice.integers(1, 30, 500)]
    batches = SentenceBatches(pairs, pairs, 16)
    epochs = [batches.epoch(seed, number) for seed, number in ((0, 0), (0, 0), (0, 1), (1, 0))]
    orders = [np.concatenate(epoch).tolist() for epoch in epochs]
    assert orders[0] == orders[1] and orders[0] != orders[2] and orders[0] != orders[3]
    assert all(sorted(order) == list(range(500)) for order in orders)
    assert len(epochs[0]) == batches.steps == 32
    spread = np.mean([np.ptp(batches.lengths[0][rows]) for rows in epochs[0]])
    assert spread < 5, "sentences of similar length stand together"
    assert batches.at(0, 32 + 3).given.shape[0] == 16
