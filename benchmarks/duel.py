"""Ensue with default settings on the duel sets, beside seasonal naive.

    python benchmarks/duel.py                       # every set, its test windows: the final line
    python benchmarks/duel.py --validation m4_weekly # the cut of the training part that tuning is done on
    python benchmarks/duel.py --steps 200 ETTh1      # other options of Forecaster by name

Each set: one `Forecaster(horizon=..., ...).fit(rows before the first window)`, then `predict` at each window with the
rows up to it, no refit. The same defaults for all; only columns and their roles are named, as index.json has them.
Results go to benchmarks/results/duel-NAME.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import duel_data
import ensue

HERE = Path(__file__).resolve().parent


def run(name: str, options: dict[str, Any], validation: bool) -> dict[str, Any]:
    """Train, predict every window and score."""
    data = duel_data.load_set(name)
    if validation:
        data = data.validation_cut()
    covariates = {"past": data.past_only, "future": data.known_future}
    if options.pop("bare", False):
        covariates = {}
    forecaster = ensue.Forecaster(horizon=data.horizon, target="y", time="ds", id="unique_id", **covariates, **options)
    began, began_cpu = time.perf_counter(), time.process_time()
    columns = ["unique_id", "ds", "y", *covariates.get("past", ()), *covariates.get("future", ())]
    forecaster.fit(data.history_frame(0).select(columns))
    trained, trained_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    forecasts: dict[tuple[int, str], dict[str, np.ndarray]] = {}
    spent, spent_cpu = [], []
    for window in range(data.windows):
        history = data.history_frame(window).select(columns)
        future = data.future_frame(window) if covariates.get("future") else None
        began, began_cpu = time.perf_counter(), time.process_time()
        frame = forecaster.predict(history, levels=(80, 95), future=future)
        spent.append(time.perf_counter() - began)
        spent_cpu.append(time.process_time() - began_cpu)
        for (series,), part in frame.group_by(["unique_id"], maintain_order=True):
            forecasts[window, series] = {
                "mean": part["ensue"].to_numpy(),
                **{
                    f"{side}-{level}": part[f"ensue-{side}-{level}"].to_numpy()
                    for side in ("lo", "hi")
                    for level in (80, 95)
                },
            }
    report = forecaster.report_
    result = duel_data.score(data, forecasts)
    return {
        "set": name,
        "validation_cut": validation,
        **{key: round(value, 4) for key, value in result.items()},
        "train_seconds": round(trained, 1),
        "train_cpu_seconds": round(trained_cpu, 1),
        "predict_seconds": round(float(np.median(spent)), 3),
        "predict_cpu_seconds": round(float(np.median(spent_cpu)), 4),
        "steps": report.steps,
        "best_step": report.best_step,
        "stopped": report.stopped,
        "own_validation": [round(report.validation, 4), round(report.baseline, 4)],
        "seasons": forecaster.describe()["seasons"],
        "options": {key: str(value) for key, value in options.items()},
    }


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    import torch

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=HERE, capture_output=True, text=True).stdout.strip()

    cpus = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in cpus if line.startswith("model name")), "")
    return {
        "cpu": model or platform.processor(),
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "polars": pl.__version__,
        "ensue": ensue.__version__,
        "commit": git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "src") else ""),
        "threads": str(torch.get_num_threads()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", help="names of duel sets; all by default")
    parser.add_argument("--validation", action="store_true", help="score on a cut of the training part instead")
    parser.add_argument("--bare", action="store_true", help="no covariates")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for the results")
    for name in ("steps", "seed", "threads", "hidden_size", "layers", "batch_size", "context_length", "ensemble"):
        parser.add_argument("--" + name.replace("_", "-"), type=int)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--preset")
    given = vars(parser.parse_args())
    sets, validation, out = (given.pop(each) for each in ("sets", "validation", "out"))
    options = {name: value for name, value in given.items() if value not in (None, False)}
    warnings.simplefilter("ignore")
    out.mkdir(parents=True, exist_ok=True)
    ratios, coverages = [], []
    where = machine()  # before the runs: the commit that is measured
    for name in sets or duel_data.duel_sets():
        result = run(name, dict(options), validation)
        ratios.append(result["relative"])
        coverages.append((result["coverage-80"], result["coverage-95"]))
        cut = "validation-" if validation else ""
        (out / f"duel-{cut}{name}.json").write_text(json.dumps(result | {"machine": where}, indent=1) + "\n")
        owa = f"  OWA {result['OWA']:.3f}" if "OWA" in result else ""
        print(
            f"{name:22s} MASE {result['MASE']:.4f}  relative {result['relative']:.4f}  80% {result['coverage-80']:.1f}"
            f"  95% {result['coverage-95']:.1f}  train {result['train_seconds']:.0f} s (step {result['best_step']} of "
            f"{result['steps']})  predict {result['predict_seconds']:.2f} s  seasons {result['seasons']}{owa}",
            flush=True,
        )
    low, high = np.mean(coverages, axis=0)
    print(
        f"geometric mean of the ratios {np.exp(np.mean(np.log(ratios))):.4f}, worst {max(ratios):.4f}; "
        f"coverage 80%: {low:.1f}, 95%: {high:.1f}"
    )


if __name__ == "__main__":
    main()
