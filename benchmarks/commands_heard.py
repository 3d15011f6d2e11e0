"""What the benchmarks of voice commands share: training on some recordings, the others read once, the line that is kept.

`digits.py` and `commands.py` are the scripts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from duel import machine
from ensue.baselines.pooled import MEAN, linear, mean_frame
from ensue.estimators.listener import Listener
from speech import value

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("ENSUE_DATA", HERE.parent.parent / "shared" / "data")) / "speech_video"


@dataclass
class Division:
    """Rows to learn from and rows to test on."""

    name: str
    known: NDArray[np.int64]
    test: NDArray[np.int64]


def arguments(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streaming", action="store_true", help="read forward only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--tune", action="store_true", help="leave the test part alone and write nothing")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of Listener, to try it")
    return parser


def run(
    name: str, of: str, files: Sequence[Path], labels: Sequence[str], speakers: Sequence[str],
    divisions: Sequence[Division], given: argparse.Namespace, **fitting: Any,
) -> list[Listener]:  # fmt: skip
    """Train on each division, test, write results/NAME.json."""
    chosen = {each.partition("=")[0]: value(each.partition("=")[2]) for each in given.option}
    if given.streaming:
        chosen["streaming"], name = True, f"{name}-streaming"
    models, parts = [], []
    for division in divisions:
        model, part = _one(files, labels, speakers, division, chosen, given.seed, fitting)
        models.append(model)
        parts.append(part)
    numbers = ("accuracy", MEAN, "macro_f1", "calibration_error", "cpu_seconds", "milliseconds_a_recording")
    summary = {each: round(float(np.mean([part[each] for part in parts])), 4) for each in numbers} | {
        "set": of,
        "seed": given.seed,
        "options": chosen,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "machine": machine(),
        "parts": parts,
    }
    print(json.dumps({key: each for key, each in summary.items() if key != "parts"}, indent=1))
    if not given.tune:
        (given.out / f"{name}.json").write_text(json.dumps(summary, indent=1) + "\n")
    return models


def _one(
    files: Sequence[Path], labels: Sequence[str], speakers: Sequence[str], division: Division, chosen: dict[str, Any],
    seed: int, fitting: dict[str, Any],
) -> tuple[Listener, dict[str, Any]]:  # fmt: skip
    """Train on one part and test on the other."""
    model = Listener(seed=seed, **chosen)

    def of(rows: NDArray[np.int64], values: Sequence[Any]) -> list[Any]:
        return [values[row] for row in rows]

    def tell(progress: Any) -> None:
        if progress.step % 200 == 0:
            print(progress.step, f"{progress.loss:.3f}", progress.validation, flush=True)

    began = time.process_time()
    known = division.known
    model.fit(of(known, files), of(known, labels), speakers=of(known, speakers), progress=tell, **fitting)
    spent = time.process_time() - began
    for finding in model.findings_:
        print("-", finding)
    asked, right = of(division.test, files), of(division.test, labels)
    began = time.process_time()
    scores = model.evaluate(asked, right)
    used = time.process_time() - began
    frames = [mean_frame([model.task_.raw(each) for each in part]) for part in (of(known, files), asked)]
    place = {each: number for number, each in enumerate(model.classes_)}
    learned = np.array([place[each] for each in of(known, labels)])
    beside = linear(frames[0], learned, frames[1], len(place)).argmax(axis=1)
    part: dict[str, Any] = {
        "name": division.name,
        "accuracy": scores.accuracy,
        MEAN: float((beside == np.array([place[each] for each in right])).mean()),
        "macro_f1": scores.macro_f1,
        "calibration_error": scores.calibration_error,
        "recordings": len(right),
        "learned_from": len(known),
        "validation": model.scores_.accuracy,
        "hearing": model.describe()["hearing"],
        "parameters": model.describe()["parameters"],
        "steps": model.report_.steps,
        "best_step": model.report_.best_step,
        "cpu_seconds": round(spent, 1),
        "milliseconds_a_recording": round(1000 * used / len(right), 2),
        "confusion": [list(row) for row in scores.confusion],
        "findings": list(model.findings_),
    }
    print({each: part[each] for each in ("name", "accuracy", MEAN, "validation", "cpu_seconds")}, flush=True)
    return model, part


if __name__ == "__main__":
    raise SystemExit("Run digits.py or commands.py.")
