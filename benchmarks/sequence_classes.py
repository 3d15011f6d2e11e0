"""Sequences of numbers of the UCR and UEA archives through the public `Classifier`, with the archives' own splits.

    python benchmarks/sequence_classes.py
    python benchmarks/sequence_classes.py GunPoint Plane

Default settings; a part of the training rows is set aside for validation, the test rows are scored once. Beside it: the
nearest training sequence (1-NN, Euclidean, at 32 places and in the channels' own units) and the linear model that Ensue
puts beside every classifier. Writes results/sequence_classes.json. Data: $ENSUE_DATA/forecast/sequence_classification, or
../shared/data.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from duel import machine
from ensue.baselines import linear
from ensue.estimators.classifier import Classifier

HERE = Path(__file__).resolve().parent
DATA = (
    Path(os.environ.get("ENSUE_DATA", HERE.parent.parent / "shared" / "data")) / "forecast" / "sequence_classification"
)
SETS = ("ArrowHead", "BasicMotions", "GunPoint", "ItalyPowerDemand", "JapaneseVowels", "PLAID", "Plane")
Rows = tuple[list[NDArray[np.float64]], list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--preset", default="default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    given = parser.parse_args()
    where, rows = machine(), []
    for name in given.sets:
        rows.append(run(name, given.preset, given.seed))
        print(rows[-1], flush=True)
    text = json.dumps({"sets": rows, "preset": given.preset, "seed": given.seed, "machine": where}, indent=1) + "\n"
    (given.out / "sequence_classes.json").write_text(text)


def run(name: str, preset: str, seed: int) -> dict[str, Any]:
    """Train on the archive's training rows and score its test rows once."""
    train, test = read(name, "train"), read(name, "test")
    model = Classifier(preset=preset, seed=seed)
    began = time.process_time()
    model.fit(*train)
    spent = time.process_time() - began
    known = [model.classes_.index(label) for label in train[1]]
    right = np.array([model.classes_.index(label) for label in test[1]])
    straight = linear.of_values(train[0], known, test[0], np.full(len(right), -1)).argmax(axis=1)
    return {
        "set": name,
        "classes": len(model.classes_),
        "train": len(train[0]),
        "test": len(test[0]),
        "accuracy": model.evaluate(*test).accuracy,
        "linear_accuracy": float((straight == right).mean()),
        "nearest_accuracy": float((np.array(known)[nearest(train[0], test[0])] == right).mean()),
        "validation_accuracy": model.scores_.accuracy,
        "parameters": model.describe()["parameters"],
        "steps": model.report_.steps,
        "best_step": model.report_.best_step,
        "cpu_seconds": round(spent, 1),
    }


def read(name: str, part: str) -> Rows:
    """Sequences `(time, channels)` and their labels."""
    table = pl.read_parquet(DATA / f"{name}.parquet").filter(pl.col("split") == part)
    cases = table.partition_by("unique_id", maintain_order=True)
    wide = [case.pivot("dim", index="ds", values="y").sort("ds").drop("ds") for case in cases]
    return [each.to_numpy().astype(np.float64) for each in wide], [str(case["label"][0]) for case in cases]


def nearest(known: list[NDArray[np.float64]], asked: list[NDArray[np.float64]]) -> NDArray[np.int64]:
    """Of each asked sequence the known one of the smallest Euclidean distance."""
    left, right = (np.stack([shape(each) for each in part]) for part in (known, asked))
    return np.array([np.square(left - each).sum(axis=1).argmin() for each in right])


def shape(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A sequence at as many places as the linear model sees."""
    places = np.linspace(0, len(values) - 1, linear.PLACES)
    return np.concatenate([np.interp(places, np.arange(len(values)), channel) for channel in values.T])


if __name__ == "__main__":
    main()
