"""Backtests on tables whose scores are known, and the sentence that must not flatter."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ensue import evaluation
from ensue.errors import DataError, UsageError

NAN = float("nan")


def panel_of(*targets):
    """What the evaluation reads of a panel: daily series 'a', 'b', ... end to end."""
    lengths = np.array([len(each) for each in targets])
    day = np.timedelta64(1, "D")
    start = np.datetime64("2024-01-01", "us")
    return SimpleNamespace(
        ids=tuple("abcdefgh"[: len(targets)]),
        offsets=np.concatenate([[0], lengths.cumsum()]),
        history=lengths,
        times=np.concatenate([start + np.arange(n) * day for n in lengths]),
        y=np.concatenate([np.asarray(each, dtype=float) for each in targets]),
    )


def table_of(blocks):
    """A table of forecasts from `(id, cutoff, y, ensue, SeasonalNaive)`, a list of steps each."""
    rows = [
        {"unique_id": name, "ds": cutoff + step + 1, "cutoff": cutoff, "y": y, "ensue": ours, "SeasonalNaive": theirs}
        for name, cutoff, *columns in blocks
        for step, (y, ours, theirs) in enumerate(zip(*columns, strict=True))
    ]
    return pl.DataFrame(rows, infer_schema_length=None)


def even_windows(errors, reference=1.0, name="a"):
    """Windows of two steps in which Ensue errs by each of `errors` and the reference by `reference`."""
    return [
        (name, 10 * place, [5.0, 5.0], [5.0 + error, 5.0 - error], [5.0 + reference] * 2)
        for place, error in enumerate(errors)
    ]


def score(blocks, scale=1.0, season=7):
    table = table_of(blocks)
    return evaluation.score_forecasts(table, dict.fromkeys(table["unique_id"], scale), season=season)


# ---- cutoffs ----


def test_the_last_windows_end_with_the_series():
    panel = panel_of(range(20), range(12))
    assert evaluation.cutoffs(panel, 3, 2).tolist() == [[13, 16], [25, 28]]
    assert evaluation.cutoffs(panel, 3, 3, step=1).tolist() == [[14, 15, 16], [26, 27, 28]]


def test_rows_of_the_future_are_no_history():
    panel = panel_of(range(20))
    panel.history = np.array([15])
    assert evaluation.cutoffs(panel, 5, 1).tolist() == [[9]]


def test_series_too_short_are_named_with_what_they_need():
    panel = panel_of(range(30), range(10), range(5))
    with pytest.raises(DataError) as error:
        evaluation.cutoffs(panel, 5, 3)
    assert str(error.value) == (
        "series 'b' has 10 known rows (1 more are too short), and 3 windows of 5 steps need 16: "
        "ask for fewer windows or a shorter horizon."
    )


@pytest.mark.parametrize(
    ("choice", "sentence"),
    [
        ({"horizon": 0, "windows": 1}, "horizon is 0, expected 1 or more."),
        ({"horizon": 5, "windows": -1}, "windows is -1, expected 1 or more."),
        ({"horizon": 5, "windows": 1, "step": 0}, "step is 0, expected 1 or more."),
    ],
)
def test_impossible_windows_are_refused(choice, sentence):
    with pytest.raises(UsageError) as error:
        evaluation.rows_needed(**choice)
    assert str(error.value) == sentence


@given(st.integers(1, 9), st.integers(1, 5), st.integers(1, 9), st.integers(0, 30))
def test_every_window_lies_inside_its_series_with_something_before(horizon, windows, step, more):
    rows = evaluation.rows_needed(horizon, windows, step=step) + more
    panel = panel_of(range(3), range(rows))
    panel.ids, panel.offsets, panel.history = ("b",), panel.offsets[1:], panel.history[1:]
    (origins,) = evaluation.cutoffs(panel, horizon, windows, step=step)
    assert origins[-1] + horizon == 3 + rows - 1
    assert origins[0] >= 3
    assert set(np.diff(origins)) <= {step}


def test_histories_end_at_their_origin():
    panel = panel_of(range(10), range(100, 110))
    origins = evaluation.cutoffs(panel, 2, 2)
    assert [each.tolist()[-1] for each in evaluation.histories(panel, origins)] == [5, 7, 105, 107]
    assert [len(each) for each in evaluation.histories(panel, origins)] == [6, 8, 6, 8]


def test_scales_see_nothing_after_the_first_origin():
    panel = panel_of([1.0, 3.0, 5.0, 7.0, 100.0, -100.0], [4.0] * 6)
    origins = evaluation.cutoffs(panel, 1, 2)
    assert evaluation.training_scales(panel, origins, 1) == {"a": 2.0, "b": 0.0}


# ---- the tables ----


def test_the_table_of_forecasts_stands_beside_what_came():
    panel = panel_of([0.0, 1.0, 2.0, NAN], [9.0, 8.0, 7.0, 6.0])
    origins = evaluation.cutoffs(panel, 1, 2)
    table = evaluation.forecast_table(panel, origins, 1, {"ensue": np.array([[1.5], [2.5], [3.5], [4.5]])})
    assert table["unique_id"].to_list() == ["a", "a", "b", "b"]
    assert table["y"].to_list() == [2.0, None, 7.0, 6.0]
    assert table["ensue"].to_list() == [1.5, 2.5, 3.5, 4.5]
    assert ((table["ds"] - table["cutoff"]).dt.total_days() == 1).all()


def test_scores_are_those_worked_out_by_hand():
    table = table_of([("a", 0, [2.0, 4.0], [3.0, 7.0], [2.0, 2.0]), ("b", 0, [10.0, NAN], [9.0, 1.0], [12.0, 1.0])])
    table = table.with_columns((pl.col("ensue") - 1).alias("ensue-lo-80"), (pl.col("ensue") + 1).alias("ensue-hi-80"))
    backtest = evaluation.score_forecasts(table, {"a": 2.0, "b": 4.0}, season=7)
    ours, theirs = backtest.scores.to_dicts()
    assert (ours["model"], theirs["model"]) == ("ensue", "SeasonalNaive")
    assert ours["MAE"] == pytest.approx(5 / 3)
    assert ours["RMSE"] == pytest.approx((11 / 3) ** 0.5)
    assert ours["sMAPE"] == pytest.approx((200 / 5 + 600 / 11 + 200 / 19) / 3)
    assert ours["MASE"] == pytest.approx((2 / 2 + 1 / 4) / 2)  # windows first, then their mean
    assert theirs["MASE"] == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert ours["skill"] == pytest.approx(-0.25)
    assert theirs["skill"] == 0
    assert ours["coverage-80"] == pytest.approx(2 / 3)
    assert ours["width-80"] == pytest.approx(2)
    assert theirs["coverage-80"] is None
    assert theirs["WQL"] is None
    losses = {0.1: 0.1 * 0 + 0.9 * 2 + 0.1 * 2, 0.5: 0.5 * 5, 0.9: 0.1 * 2 + 0.1 * 4 + 0.9 * 0}
    assert ours["WQL"] == pytest.approx(2 * sum(losses.values()) / 3 / 16)
    assert [(row["scored"], row["skipped"]) for row in (ours, theirs)] == [(3, 1), (3, 1)]
    assert backtest.findings == ("1 of 4 targets after the cutoffs are missing and were skipped.",)


def test_steps_are_scored_over_all_windows():
    blocks = [("a", 0, [0.0, 0.0], [1.0, 2.0], [1.0, 1.0]), ("b", 5, [0.0, 0.0], [3.0, 4.0], [1.0, 1.0])]
    steps = score(blocks, scale=2.0).by_step.filter(model="ensue")
    assert steps["step"].to_list() == [1, 2]
    assert steps["MAE"].to_list() == [2.0, 3.0]
    assert steps["MASE"].to_list() == [1.0, 1.5]


def test_a_point_one_model_cannot_answer_is_skipped_for_all():
    backtest = score([("a", 0, [1.0, 1.0], [2.0, NAN], [3.0, 9.0])])
    assert backtest.scores["MAE"].to_list() == [1.0, 2.0]
    assert backtest.scores["skipped"].to_list() == [1, 1]
    assert backtest.findings == ("ensue has no forecast for 1 target; skipped for every model.",)


def test_series_without_a_scale_are_left_out_of_mase_and_counted():
    table = table_of(even_windows([0.5] * 4) + even_windows([9.0] * 4, name="b"))
    backtest = evaluation.score_forecasts(table, {"a": 1.0, "b": 0.0}, season=7)
    assert backtest.scores["MASE"].to_list() == [0.5, 1.0]
    assert backtest.by_step["MASE"].to_list() == [0.5, 0.5, 1.0, 1.0]
    assert backtest.findings == (
        "1 series left out of MASE, having no change from season to season before the first cutoff: 'b'.",
    )


def test_windows_of_unequal_length_are_scored_as_far_as_they_go():
    backtest = score([("a", 0, [1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [1.0, 1.0, 1.0]), ("b", 0, [1.0], [5.0], [1.0])])
    assert backtest.scores["MAE"][0] == pytest.approx(7 / 4)
    assert backtest.scores["scored"][0] == 4
    assert backtest.findings == ()


def test_the_order_of_the_rows_does_not_matter():
    table = table_of(even_windows([0.5, 0.7, 0.6, 0.2]) + even_windows([0.1, 0.3, 0.2, 0.4], name="b"))
    scales = {"a": 1.0, "b": 2.0}
    straight = evaluation.score_forecasts(table, scales, season=7)
    shuffled = evaluation.score_forecasts(table.sample(fraction=1, shuffle=True, seed=3), scales, season=7)
    assert straight.scores.equals(shuffled.scores)
    assert straight.sentence == shuffled.sentence


def test_a_table_without_a_column_is_refused():
    with pytest.raises(DataError) as error:
        evaluation.score_forecasts(table_of(even_windows([1.0])).drop("SeasonalNaive"), {"a": 1.0}, season=7)
    assert str(error.value) == (
        "the table of forecasts has no column 'SeasonalNaive', expected unique_id, ds, cutoff, y, ensue, SeasonalNaive."
    )


def test_nothing_to_score_is_refused():
    with pytest.raises(DataError) as error:
        score([("a", 0, [NAN, NAN], [1.0, 1.0], [1.0, 1.0])])
    assert str(error.value) == (
        "there is nothing to score: of 2 targets after the cutoffs 2 are missing and "
        "the others have no forecast: choose other windows."
    )


def test_a_backtest_is_frozen():
    with pytest.raises(FrozenInstanceError):
        score(even_windows([1.0])).sentence = "Ensue is best"


# ---- the sentence ----


def test_a_clear_gain_is_claimed():
    table = table_of(even_windows([0.5, 0.7, 0.6, 0.8, 0.4]))
    table = table.with_columns(
        (pl.col("ensue") - 0.65).alias("ensue-lo-80"), (pl.col("ensue") + 0.65).alias("ensue-hi-80")
    )
    backtest = evaluation.score_forecasts(table, {"a": 1.0}, season=7)
    assert backtest.sentence == (
        "Ensue's error is 40 % below seasonal naive's (MASE 0.60 against 1.00 over 5 windows); "
        "its 80 % band held 60 % of the values."
    )


def test_a_gain_within_chance_is_no_gain():
    assert score(even_windows([0.2, 1.7, 0.3, 1.6, 0.9])).sentence == (
        "Ensue is no better than seasonal naive here (MASE 0.94 against 1.00 over 5 windows, within chance): "
        "use seasonal naive, or train on more history."
    )


def test_a_hairs_breadth_is_no_gain_even_when_it_is_no_chance():
    assert score(even_windows([0.995] * 8), season=1).sentence == (
        "Ensue is no better than naive here (MASE 1.00 against 1.00 over 8 windows): "
        "use naive, or train on more history."
    )


def test_the_same_forecast_is_no_gain():
    assert score(even_windows([1.0] * 8)).sentence.startswith("Ensue is no better than seasonal naive here (MASE 1.00 ")


def test_a_loss_is_said():
    assert score(even_windows([1.5, 1.6, 1.4, 1.5])).sentence == (
        "Ensue is worse than seasonal naive here (MASE 1.50 against 1.00 over 4 windows): "
        "use seasonal naive, or train on more history."
    )


def test_few_windows_tell_nothing():
    assert score(even_windows([0.1])).sentence == (
        "Ensue beside seasonal naive: MASE 0.10 against 1.00 over 1 window, "
        "too few to tell skill from luck; backtest more windows."
    )


def test_many_series_count_as_well_as_many_windows():
    blocks = [block for name in "abcdef" for block in even_windows([0.5 + ord(name) % 3 / 10], name=name)]
    assert score(blocks).sentence == (
        "Ensue's error is 40 % below seasonal naive's (MASE 0.60 against 1.00 over 1 window of 6 series)."
    )


def test_series_that_err_together_are_one_piece_of_evidence():
    # Forty series, of which each has the same two good and two bad windows: by series it looks certain, by window not.
    together = [block for place in range(40) for block in even_windows([0.1, 1.5, 0.2, 1.4], name=f"s{place}")]
    assert "no better than seasonal naive here (MASE 0.80 against 1.00" in score(together).sentence


def test_a_better_rival_is_named():
    table = table_of(even_windows([0.5, 0.7, 0.6, 0.8, 0.4]))
    table = table.with_columns(AutoETS=pl.col("y") + 0.3, Theta=pl.col("y") + 0.4)
    assert evaluation.score_forecasts(table, {"a": 1.0}, season=7).sentence == (
        "Ensue's error is 40 % below seasonal naive's (MASE 0.60 against 1.00 over 5 windows); "
        "AutoETS did better (MASE 0.30)."
    )


def test_series_that_never_change_cannot_be_compared():
    assert score(even_windows([0.5]), scale=0.0).sentence == (
        "Ensue cannot be compared with seasonal naive here: no series changes before its first cutoff."
    )


def test_a_random_walk_is_seldom_called_skill():
    rng = np.random.default_rng(5)
    verdicts = []
    for _ in range(400):
        difference = rng.normal(size=12)
        verdicts.append(evaluation.compare(difference, ["a"] * 12, list(range(12))))
    assert 0.02 < verdicts.count("better") / 400 < 0.08  # a one-sided 5 % test; standard error 0.011
    assert 0.02 < verdicts.count("worse") / 400 < 0.08


def test_differences_shared_by_all_series_are_seldom_called_skill():
    rng = np.random.default_rng(6)
    ids = [name for name in range(30) for _ in range(8)]
    origins = list(range(8)) * 30
    better = 0
    for _ in range(200):
        shared = rng.normal(size=8)
        difference = np.tile(shared, 30) + 0.3 * rng.normal(size=240)
        better += evaluation.compare(difference, ids, origins) == "better"
    assert better / 200 < 0.09
