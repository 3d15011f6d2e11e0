"""Seasons that data show without stamps, and seasons that noise must not show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensue.data.seasons import confirm_seasons, find_seasons


def noise(seed: int, rows: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=rows)


def test_candidates_need_two_periods_in_the_median_series() -> None:
    assert confirm_seasons([10, 700, 800], (7, 365)) == (7,)
    assert confirm_seasons([729, 730, 731], (365, 7)) == (7, 365)
    assert confirm_seasons([], (7,)) == ()


@settings(max_examples=20)
@given(period=st.sampled_from([4, 5, 7, 12, 17, 25, 37, 52, 60, 100]), seed=st.integers(0, 10**6))
def test_a_noisy_wave_is_found(period: int, seed: int) -> None:
    rows = max(400, 12 * period)
    wave = np.sin(2 * np.pi * np.arange(rows) / period + seed) + 0.3 * noise(seed, rows)
    found = find_seasons([wave])
    assert found and abs(found[0] - period) <= max(0.0, 0.03 * period)


def test_an_exact_wave_and_its_trend() -> None:
    time = np.arange(600)
    assert find_seasons([np.sin(2 * np.pi * time / 25)]) == (25,)
    assert find_seasons([np.sin(2 * np.pi * time / 37) + 0.05 * time]) == (37,)


def test_hours_have_days_and_weeks() -> None:
    rng = np.random.default_rng(0)
    panel = []
    for _ in range(10):
        day, week = rng.normal(size=24).cumsum(), np.repeat(rng.normal(size=7), 24)
        panel.append(np.tile(day, 35) + np.tile(week, 5) + rng.normal(size=840))
    assert find_seasons(panel) == (24, 168)


def test_a_season_of_few_short_series_is_a_vote_of_the_panel() -> None:
    rng = np.random.default_rng(1)
    panel = [np.tile(rng.normal(size=4), 9) + rng.normal(size=36).cumsum() * 0.7 for _ in range(150)]
    assert find_seasons(panel) == (4,)


def test_gaps_and_outliers_do_not_hide_a_season() -> None:
    rng = np.random.default_rng(2)
    wave = np.sin(2 * np.pi * np.arange(600) / 12) + 0.3 * rng.normal(size=600)
    wave[rng.choice(600, 100, replace=False)] = np.nan
    wave[rng.choice(600, 6, replace=False)] = 1e4
    assert find_seasons([wave]) == (12,)


@pytest.mark.parametrize("seed", range(6))
def test_noise_and_walks_have_no_season(seed: int) -> None:
    assert find_seasons([noise(seed, 800)]) == ()
    assert find_seasons([noise(seed, 800).cumsum()]) == ()
    shared = noise(seed, 400)
    assert find_seasons([(shared + noise(100 * seed + i, 400)).cumsum() for i in range(20)]) == ()


@pytest.mark.parametrize("panel", [[], [np.array([])], [np.full(50, np.nan)], [np.ones(50)], [np.arange(3.0)]])
def test_nothing_to_see(panel: list[np.ndarray]) -> None:
    assert find_seasons(panel) == ()


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "ids", "seasons"),
    [
        ("m4/hourly_train.parquet", None, (24, 168)),
        ("m4/weekly_train.parquet", None, (52,)),
        ("m3/train.parquet", "MONTHLY", (12,)),
        ("m3/train.parquet", "QUARTERLY", (4,)),
        ("m3/train.parquet", "YEARLY", ()),
        ("m3/train.parquet", "OTHER", ()),
        ("nn5_daily/train.parquet", None, (7,)),
        ("exchange_rate/data.parquet", None, ()),
        ("stocks_daily/djia_2006_2017.parquet", None, ()),
    ],
)
def test_real_panels(data_folder: Path, file: str, ids: str | None, seasons: tuple[int, ...]) -> None:
    import polars as pl

    frame = pl.read_parquet(data_folder / "forecast" / file)
    if ids is not None:
        meta = pl.read_parquet(data_folder / "forecast/m3/meta.parquet")
        chosen = meta.filter(pl.col("period").str.to_uppercase() == ids)["unique_id"]
        frame = frame.filter(pl.col("unique_id").is_in(chosen.implode()))
    if "split" in frame.columns:
        frame = frame.filter(pl.col("split") == "train")
    panel = frame.sort("unique_id", "ds").partition_by("unique_id", maintain_order=True)
    assert find_seasons([each["y"].cast(pl.Float64).fill_null(np.nan).to_numpy() for each in panel]) == seasons
