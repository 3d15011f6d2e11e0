"""SST-2 through the public `Classifier`: 67,349 phrases to learn from, 872 sentences to validate on, 1,821 to test.

    python benchmarks/sentiment.py
    python benchmarks/sentiment.py --sentences              # learns from the 6,920 whole sentences only
    python benchmarks/sentiment.py --tune --dropout 0.4     # scores of the validation sentences alone

No outside vectors. The test sentences are scored once, at the end, beside TF-IDF with a linear model learned from the
same rows. Writes results/sentiment.json and the model under build/. Data: $ENSUE_DATA/language/sst, or ../shared/data.
"""

from __future__ import annotations

import argparse
import gzip
import json
import lzma
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

import ensue
from duel import machine
from ensue.baselines import linear
from ensue.estimators.classifier import Classifier

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("ENSUE_DATA", HERE.parent.parent / "shared" / "data")) / "language" / "sst"
NAMES = {"0": "negative", "1": "positive"}
Rows = tuple[list[str], list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", action="store_true", help="learn from whole sentences only, not from phrases")
    parser.add_argument("--preset")
    parser.add_argument("--pooling")
    parser.add_argument("--tokens")
    for name in ("steps", "batch-size", "hidden-size", "layers", "embedding", "seed", "threads"):
        parser.add_argument(f"--{name}", type=int)
    for name in ("epochs", "dropout", "word-dropout", "learning-rate", "label-smoothing"):
        parser.add_argument(f"--{name}", type=float)
    parser.add_argument("--from", dest="start_from", type=Path, help="a language model to begin with")
    parser.add_argument("--tune", action="store_true", help="leave the test file alone; nothing is recorded")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    given = vars(parser.parse_args())
    ours = {name: given.pop(name) for name in ("sentences", "start_from", "tune", "out")}
    options = {name: value for name, value in given.items() if value is not None}
    result = run(options, **{name: value for name, value in ours.items() if name != "out"})
    print(json.dumps(result, indent=1))
    if not ours["tune"]:
        name = "sentiment" + "-sentences" * ours["sentences"] + "-from" * (ours["start_from"] is not None)
        (ours["out"] / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")


def run(options: dict[str, Any], sentences: bool, start_from: Path | None, tune: bool) -> dict[str, Any]:
    """Train, save, load, and score the test sentences once."""
    where = machine()
    rows, held = read_sentences("train") if sentences else read_phrases(), read_sentences("dev")
    model = Classifier(**options)
    began, began_cpu = time.perf_counter(), time.process_time()
    model.fit(*rows, valid=held, start_from=start_from, progress=Teller())
    spent, spent_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    report = model.report_
    result: dict[str, Any] = {
        "set": "SST-2 " + ("sentences" if sentences else "phrases"),
        "arguments": options,
        "rows": len(rows[0]),
        "steps": report.steps,
        "best_step": report.best_step,
        "stopped": report.stopped,
        "curve": [[step, round(errors, 4)] for step, _, errors in report.curve],
        "train_seconds": round(spent, 1),
        "cpu_seconds": round(spent_cpu, 1),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "parameters": model.describe()["parameters"],
        "validation": model.scores_.to_json(),
        "findings": list(model.findings_),
    }
    if not tune:
        path = HERE.parent / "build" / "sentiment.ensue"
        path.parent.mkdir(exist_ok=True)
        model.save(path)
        again, test = ensue.load(path), read_sentences("test")
        began_cpu = time.process_time()
        result["test"] = again.evaluate(*test).to_json()
        result["test_rows_a_second"] = round(len(test[0]) / (time.process_time() - began_cpu), 1)
        result["test_linear_accuracy"] = linear_accuracy(rows, held, test)
        result["model_bytes"] = path.stat().st_size
    return result | {"machine": where}


def linear_accuracy(rows: Rows, held: Rows, test: Rows) -> float:
    """Of the linear model on the test sentences, its strength chosen on the validation sentences."""
    known = np.array([name == "positive" for name in rows[1]], int)
    asked = [*held[0], *test[0]]
    right = np.array([name == "positive" for name in [*held[1], *test[1]]], int)
    chooses = np.where(np.arange(len(asked)) < len(held[0]), right, -1)  # the test labels have no say in the choice
    answers = linear.of_texts(rows[0], known.tolist(), asked, chooses).argmax(axis=1)
    return float((answers == right)[len(held[0]) :].mean())


def read_phrases() -> Rows:
    with lzma.open(DATA / "sst2_glue_train_phrases.tsv.xz", "rt", encoding="utf-8") as file:
        cells = [line.rstrip("\n").split("\t") for line in file][1:]
    return [text.strip() for text, _ in cells], [NAMES[label] for _, label in cells]


def read_sentences(part: str) -> Rows:
    with gzip.open(DATA / f"stsa.binary.{part}.gz", "rt", encoding="utf-8") as file:
        cells = [line.strip().split(" ", 1) for line in file]
    return [_as_phrases(text) for _, text in cells], [NAMES[label] for label, _ in cells]


def _as_phrases(text: str) -> str:
    """The brackets and slashes of the sentence files as the file of phrases writes them."""
    return text.replace("-lrb-", "(").replace("-rrb-", ")").replace("\\/", "/")


class Teller:
    """Prints where training stands now and then."""

    def __init__(self) -> None:
        self.shown = 0.0

    def __call__(self, progress: Any) -> None:
        if time.monotonic() - self.shown > 15:
            self.shown = time.monotonic()
            score = (
                "" if progress.validation is None else f" errors {progress.validation:.4f} ({progress.baseline:.4f})"
            )
            print(
                f"step {progress.step}/{progress.steps} loss {progress.loss:.3f}{score}, {progress.seconds_left:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
