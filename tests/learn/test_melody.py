"""Training the melody task: what it learns by heart, what the runtime makes of it, and that a killed run goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ensue.data.notes.chorales import of_steps
from ensue.data.notes.coding import Places
from ensue.data.notes.tune import Meter, Stepped
from ensue.learn import melody
from ensue.learn.melody import Fitted, _moved, _Objective, fit, nll
from ensue.reports import Progress
from ensue.runtime.composing import score
from ensue.runtime.engine import Engine
from ensue.tasks.melody import CODINGS, MelodyOptions, MelodyTask

PLACES = Places(4, (Meter(4, 4),))
EIGHT = [of_steps(f"{n}", [[60 + n], [60 + n], [62 + n], [], [65 - n], [60]] * 4, 4) for n in range(8)]
CHORDS = [of_steps(f"{n}", [[60 + n, 67], [60 + n, 64 + n], [], [55 + n, 59 + n, 62]] * 4, 4) for n in range(8)]


def options(coding: str, **more: object) -> MelodyOptions:
    small = {"hidden_size": 48, "batch_tokens": 1000, "transpose": 0, "steps": 30, "learning_rate": 0.02,
             "dropout": 0.0, "input_dropout": 0.0, "recurrent_dropout": 0.0}  # fmt: skip
    return MelodyOptions(coding=coding, **(small | more))  # type: ignore[arg-type]


def learned(coding: str, tunes: list[Stepped], **more: object) -> Fitted:
    chosen = options(coding, **more)
    task = MelodyTask(CODINGS[coding](PLACES), chosen.recipe.sizes)
    return fit(tunes, tunes, task, chosen, baseline=("nothing", float("nan")))


@pytest.mark.parametrize(("coding", "tunes"), [("melody", EIGHT), ("chords", CHORDS), ("keys", CHORDS)])
def test_eight_tunes_are_learned_by_heart_and_the_runtime_agrees(coding: str, tunes: list[Stepped]) -> None:
    fitted = learned(coding, tunes, steps=150)
    start = fitted.report.curve[0][2]
    assert fitted.report.validation < 0.35 * start
    assert fitted.report.measure.name == "nats per step"
    scored = score(fitted.task, Engine(fitted.task.network(), fitted.weights), tunes)
    assert scored.per_step == pytest.approx(fitted.report.validation, rel=1e-4)


def test_impossible_tokens_have_no_part_in_the_likelihood() -> None:
    log_p = torch.log_softmax(torch.tensor([[[1.0, 2.0, 3.0]]]), -1)
    legal = torch.tensor([[[True, True, False]]])
    expected = -torch.log_softmax(torch.tensor([1.0, 2.0]), -1)[1]
    torch.testing.assert_close(nll(log_p, torch.tensor([[1]]), legal)[0, 0], expected)


def objective(**more: object) -> _Objective:
    chosen = options("melody", **more)
    return _Objective(EIGHT, EIGHT[:2], MelodyTask(CODINGS["melody"](PLACES), chosen.recipe.sizes), chosen, 0.0)


def test_an_epoch_depends_on_seed_and_number_alone() -> None:
    one, other = objective(transpose=5), objective(transpose=5)
    for epoch in (0, 3):
        one._begin(epoch)
    other._begin(3)
    np.testing.assert_array_equal(one.shifts, other.shifts)
    assert [batch.tolist() for batch in one.batches] == [batch.tolist() for batch in other.batches]
    assert sorted(np.concatenate(one.batches).tolist()) == list(range(8))


def test_tunes_are_moved_to_other_keys() -> None:
    some = objective(transpose=5)
    seen = set()
    for epoch in range(60):
        some._begin(epoch)
        seen |= set(some.shifts.tolist())
    assert seen == set(range(-5, 6))


def test_a_tune_is_moved_no_further_than_there_are_pitches() -> None:
    tune = of_steps("a", [[24, 100]], 4)
    assert _moved(tune, -6, 21, 108).notes[:, 2].tolist() == [21, 97]
    assert _moved(tune, 6, 21, 108).notes[:, 2].tolist() == [30, 106]
    assert _moved(tune, 0, 21, 108) is tune


def test_padding_costs_nothing() -> None:
    some = objective()
    short, long = some._read(EIGHT[0]), some._read(replace(EIGHT[1], steps=24))
    cut = tuple(each[:10] for each in short)
    alone = some._losses(some._batch([cut]))
    together = some._losses(some._batch([cut, long]))
    torch.testing.assert_close(together[0, :10], alone[0])
    assert (together[0, 10:] == 0).all()


def test_long_tunes_are_learned_from_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(melody, "LONGEST", 10)
    some = objective()
    assert [(first, last) for tune, first, last in some.pieces if tune is EIGHT[0]] == [(0, 10), (10, 20), (20, 24)]
    assert some.tokens == 8 * 24
    assert float(some.loss(0).detach()) > 0


def test_a_killed_run_ends_in_the_same_weights(tmp_path: Path) -> None:
    chosen = options("chords", steps=20, transpose=3, dropout=0.3, recurrent_dropout=0.2)
    task = MelodyTask(CODINGS["chords"](PLACES), chosen.recipe.sizes)

    def run(checkpoint: Path, resume: bool = False, dies_at: int = 0) -> Fitted:
        def watch(progress: Progress) -> None:
            if progress.step == dies_at:
                raise RuntimeError("killed")

        return fit(CHORDS, CHORDS, task, chosen, baseline=("", float("nan")), checkpoint=checkpoint, resume=resume,
                   progress=watch)  # fmt: skip

    whole = run(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="killed"):
        run(tmp_path / "broken", dies_at=13)
    again = run(tmp_path / "broken", resume=True)
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(again.weights[name], weight)
