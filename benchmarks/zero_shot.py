"""The bundled forecaster, which has learned from no table, on the duel sets and beside published zero-shot scores.

    python benchmarks/zero_shot.py                       # the duel sets, by the rules of index.json: the final line
    python benchmarks/zero_shot.py --published           # seven sets of the Chronos benchmark, ETTh1 as in GIFT-Eval
    python benchmarks/zero_shot.py --choosing            # the real series that choices were made on
    python benchmarks/zero_shot.py --model FILE --validation m4_weekly    # another model, the cut of the training part

Seasons are never told: they come from the stamps, or from the numbers where there are positions only. No covariates.
Results go to benchmarks/results/zero_shot-*.json. `CHOOSING` names the series that models were chosen on.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import duel_data
import ensue
from duel import machine
from duel_data import DuelSet

HERE = Path(__file__).resolve().parent
BANDS = (95, 80, 60, 40, 20)
TENTHS = [f"lo-{band}" for band in BANDS[1:]] + ["mean"] + [f"hi-{band}" for band in reversed(BANDS[1:])]
"""Columns of the quantiles 0.1, 0.2, ..., 0.9."""
COLUMNS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL")
"""Of ETT, beside its target."""
PUBLISHED = {
    "m3_monthly": "monash_m3_monthly",
    "m3_quarterly": "monash_m3_quarterly",
    "m3_yearly": "monash_m3_yearly",
    "nn5_daily": "nn5",
    "ETTh": "ETTh",
    "exchange_rate": "exchange_rate",
    "fred_md": "monash_fred_md",
}
"""Our names of the sets whose published scores can be compared, and theirs."""
CHOOSING = {
    # name: file, horizon, season of the scores, windows
    "au_tourism": ("hierarchical_panels/au_tourism.parquet", 8, 4, 3),
    "aus_retail": ("hierarchical_panels/aus_retail.parquet", 18, 12, 3),
    "us_employment": ("hierarchical_panels/us_employment.parquet", 18, 12, 3),
    "pbs_scripts": ("hierarchical_panels/pbs_scripts.parquet", 18, 12, 3),
    "seattle_trails": ("seattle_trail_counts/data.parquet", 48, 24, 8),
    "two_buildings": ("small_energy/bdg2_hourly_2buildings.parquet", 48, 24, 12),
    "uk_demand": ("classic_singles/taylor_halfhourly.parquet", 48, 48, 12),
    "us_births": ("classic_singles/us_births_daily.parquet", 30, 7, 12),
    "commodities": ("commodities_daily/daily.parquet", 20, 1, 12),
    "currencies": ("commodities_daily/fx_monthly.parquet", 12, 1, 3),
}
"""Real series that designs were chosen on, beside the held-out made ones. None of them is in a score."""


def forecaster(folder: Path | None) -> ensue.Forecaster:
    """The bundled forecaster, or that of a folder of `ensue pretrain`."""
    return ensue.Forecaster.pretrained(folder=folder, target="y", time="ds", id="unique_id", duplicates="first")


def forecasts_of(
    model: Any, data: DuelSet, thorough: bool = False
) -> tuple[dict[tuple[int, str], dict[str, np.ndarray]], list[float]]:
    """Every window of a set, and the processor seconds of each."""
    forecasts: dict[tuple[int, str], dict[str, np.ndarray]] = {}
    spent = []
    for window in range(data.windows):
        history = data.history_frame(window).select("unique_id", "ds", "y")
        began = time.process_time()
        frame = model.predict(history, horizon=data.horizon, levels=BANDS, thorough=thorough)
        spent.append(time.process_time() - began)
        for (series,), part in frame.group_by(["unique_id"], maintain_order=True):
            bands = {
                f"{side}-{band}": part[f"ensue-{side}-{band}"].to_numpy() for side in ("lo", "hi") for band in BANDS
            }
            forecasts[window, series] = {"mean": part["ensue"].to_numpy(), **bands}
    return forecasts, spent


def run(model: Any, data: DuelSet, thorough: bool = False) -> dict[str, Any]:
    """Forecast every window and score."""
    forecasts, spent = forecasts_of(model, data, thorough)
    result = duel_data.score(data, forecasts)
    seasons = next((each for each in model.prediction_findings_ if "season" in each), "")
    return {
        "set": data.name,
        **{key: round(value, 4) for key, value in result.items()},
        "WQL": round(wql(data, forecasts), 5),
        "series": len(data.spans),
        "predict_cpu_seconds": round(float(np.median(spent)), 3),
        "seasons": seasons,
    }


def wql(data: DuelSet, forecasts: Mapping[tuple[int, str], Mapping[str, np.ndarray]]) -> float:
    """Twice the pinball loss over the sum of what there was, its mean over nine quantiles (Park et al. 2022; GluonTS)."""
    actual, quantiles = [], []
    for window, panel in duel_data.origins(data):
        for name, each in panel.items():
            seen = ~np.isnan(each.actual)
            actual.append(each.actual[seen])
            quantiles.append(np.stack([forecasts[window, name][column] for column in TENTHS], axis=-1)[seen])
    truth, expected = np.concatenate(actual)[:, None], np.concatenate(quantiles)  # points x quantile
    error, levels = truth - expected, np.arange(1, 10) / 10
    loss = 2 * np.maximum(levels * error, (levels - 1) * error)
    return float(loss.sum(0).mean() / np.abs(truth).sum())


def seasonal_naive_wql(data: DuelSet) -> float:
    """That of a forecast that is all quantiles at once; on the other sets it is the published figure."""
    points = duel_data.naive_forecasts(data, data.season)
    return wql(data, {key: dict.fromkeys(TENTHS, each["mean"]) for key, each in points.items()})


def as_published(name: str) -> DuelSet:
    """A set as the Chronos benchmark has it: the last window, the season used there, all columns of ETT."""
    if name == "ETTh":
        parts = [_all_columns(each) for each in ("ETTh1", "ETTh2")]
        return replace(parts[0], name=name, windows=1, season=24, frame=pl.concat([each.frame for each in parts]))
    data = duel_data.load_set(name)
    return replace(data, windows=1, season=data.published_season or data.season)


def gift(horizon: int) -> DuelSet:
    """ETTh1 as GIFT-Eval has it: all columns, windows in the last tenth of the rows, at most 20."""
    data = _all_columns("ETTh1")
    rows = data.frame.height // len(data.spans)
    windows = min(max(1, -(-rows // 10 // horizon)), 20)
    return replace(data, name=f"ETTh1/{horizon}", horizon=horizon, season=24, windows=windows)


def _all_columns(name: str) -> DuelSet:
    """Every column of ETT as a series, every row of the file."""
    data = duel_data.load_set(name)
    whole = pl.read_parquet(duel_data.data_folder() / "ett" / f"{name}.parquet").sort("ds")
    parts = [
        whole.select(pl.lit(f"{name}-{column}").alias("unique_id"), "ds", pl.col(column).cast(pl.Float64).alias("y"))
        for column in ("y", *COLUMNS)
    ]
    return replace(data, frame=pl.concat(parts), past_only=(), known_future=())


def to_choose_on(name: str) -> DuelSet:
    """Real series to choose models on, cut to what was measured."""
    file, horizon, season, windows = CHOOSING[name]
    rows = pl.read_parquet(duel_data.data_folder() / file).select("unique_id", "ds", pl.col("y").cast(pl.Float64))
    rows = rows.drop_nulls("y").unique(["unique_id", "ds"], keep="first").sort("unique_id", "ds")
    enough = pl.len().over("unique_id") >= windows * horizon + 3 * max(season, horizon)
    return DuelSet(name, horizon, season, None, windows, 1, rows.filter(enough))


def published(model: Any) -> list[dict[str, Any]]:
    """The seven sets: MASE and WQL over those published of seasonal naive."""
    table = pl.read_csv(duel_data.data_folder() / "published" / "chronos_benchmark_2.csv")
    results = []
    for name, theirs in PUBLISHED.items():
        result = run(model, as_published(name)) | {"set": name, "theirs": theirs}
        rows = {row["model"]: row for row in table.filter(pl.col("dataset") == theirs).iter_rows(named=True)}
        naive = rows["seasonal naive"]
        # fred_md is another vintage here, so only our own seasonal naive can be compared with.
        result["relative_published"] = (
            result["relative"] if name == "fred_md" else round(result["MASE"] / naive["MASE"], 4)
        )
        reference = seasonal_naive_wql(as_published(name)) if name == "fred_md" else naive["WQL"]
        result["WQL_relative_published"] = round(result["WQL"] / reference, 4)
        result["others"] = {
            each: [round(row["MASE"] / naive["MASE"], 4), round(row["WQL"] / naive["WQL"], 4)]
            for each, row in rows.items()
            if each != "seasonal naive"
        }
        results.append(result)
        print(
            f"{name:14s} MASE {result['MASE']:.3f}  relative {result['relative_published']:.3f} (to our own seasonal "
            f"naive {result['relative']:.3f})  WQL relative {result['WQL_relative_published']:.3f}  {result['others']}",
            flush=True,
        )
    for label, key in (("MASE", "relative_published"), ("WQL", "WQL_relative_published")):
        print(f"geometric mean, {label}: {np.exp(np.mean([np.log(each[key]) for each in results])):.4f}")
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", help="names of sets; all by default")
    parser.add_argument("--published", action="store_true", help="the sets whose zero-shot scores are published")
    parser.add_argument("--choosing", action="store_true", help="the real series to choose models on")
    parser.add_argument("--validation", action="store_true", help="score on a cut of the training part instead")
    parser.add_argument("--thorough", action="store_true", help="the mean with the values upside down")
    parser.add_argument("--model", type=Path, help="a folder of `ensue pretrain` instead of the bundled model")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for the results")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    where, model = machine(), forecaster(given.model)
    given.out.mkdir(parents=True, exist_ok=True)
    if given.published:
        results = published(model)
        gifts = [run(model, gift(horizon)) for horizon in (48, 480, 720)]
        print(*(f"{each['set']}: MASE {each['MASE']}, relative {each['relative']}" for each in gifts), sep="\n")
        _write(given.out / "zero_shot_published.json", {"sets": results, "gift": gifts, "machine": where})
        return
    names = given.sets or (list(CHOOSING) if given.choosing else duel_data.duel_sets())
    results = []
    for name in names:
        data = to_choose_on(name) if given.choosing else duel_data.load_set(name)
        result = run(model, data.validation_cut() if given.validation else data, given.thorough)
        results.append(result)
        if not (given.choosing or given.validation or given.thorough):
            _write(given.out / f"zero_shot-{name}.json", result | {"machine": where})
        print(
            f"{name:22s} MASE {result['MASE']:.4f}  relative {result['relative']:.4f}  80% {result['coverage-80']:.1f}"
            f"  95% {result['coverage-95']:.1f}  {result['predict_cpu_seconds']:.2f} s  {result['seasons']}",
            flush=True,
        )
    ratios = [each["relative"] for each in results]
    low, high = (np.mean([each[f"coverage-{band}"] for each in results]) for band in (80, 95))
    print(
        f"geometric mean of the ratios {np.exp(np.mean(np.log(ratios))):.4f}, worst {max(ratios):.4f}; "
        f"coverage 80%: {low:.1f}, 95%: {high:.1f}"
    )


def _write(path: Path, result: dict[str, Any]) -> None:
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
