"""Multi30k, English to German and back, through the public `Translator`.

    python benchmarks/translation.py --direction en-de
    python benchmarks/translation.py --direction de-en --preset thorough
    python benchmarks/translation.py --direction en-de --tune      # scores of the validation sentences alone

Raw text in, raw text out: sacreBLEU's defaults (13a, cased), its signature recorded. Trains on the 29,000 pairs of `train`
and validates on `val`; `test_2016_flickr` is translated once, at the end. Writes results/translation-DIRECTION.json and
the model beside it under build/. Data: $ENSUE_DATA/language/multi30k, or ../shared/data.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import ensue
from duel import machine
from ensue.data.sentence_pairs import read_pairs
from ensue.estimators.translator import Translator
from ensue.tasks.bleu import bleu

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("ENSUE_DATA", HERE.parent.parent / "shared" / "data")) / "language" / "multi30k"
BEAMS = (1, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--direction", choices=("en-de", "de-en"), default="en-de")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--minutes", type=float, help="stop after so many minutes, with the best so far")
    parser.add_argument("--dropout", type=float)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--vocabulary", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint of a run that was stopped")
    parser.add_argument("--tune", action="store_true", help="leave the test file alone; nothing is recorded")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    given = parser.parse_args()
    result = run(given)
    print(json.dumps(result, indent=1))
    if not given.tune:
        name = f"translation-{given.direction}" + ("" if given.preset == "default" else f"-{given.preset}")
        (given.out / f"{name}.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Train, save, translate the validation sentences and, once, the test's."""
    name = f"translation-{given.direction}-{given.preset}-{given.seed}"
    model = HERE.parent / "build" / f"{name}.ensue"
    model.parent.mkdir(exist_ok=True)
    translator = Translator(
        preset=given.preset,
        steps=given.steps,
        dropout=given.dropout,
        learning_rate=given.learning_rate,
        vocabulary=given.vocabulary,
        seed=given.seed,
        threads=given.threads,
        device=given.device,
    )
    training, validation = pairs("train", given.direction), pairs("val", given.direction)
    began, began_cpu = time.perf_counter(), time.process_time()
    translator.fit(
        training.source,
        training.target,
        valid_source=validation.source,
        valid_target=validation.target,
        checkpoint=model.with_suffix(".checkpoint"),
        resume=given.resume,
        progress=_Teller(translator, given.minutes),
    )
    report = translator.report_
    translator.save(model)
    result = {
        "set": "Multi30k " + given.direction,
        "preset": given.preset,
        "arguments": {key: value for key, value in translator.get_params().items() if value is not None},
        "steps": report.steps,
        "best_step": report.best_step,
        "stopped": report.stopped,
        "train_seconds": round(report.seconds, 1),
        "wall_seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(time.process_time() - began_cpu, 1),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "parameters": translator.describe()["parameters"],
        "model_bytes": model.stat().st_size,
        "validation_nats_per_token": report.validation,
        "findings": list(translator.findings_),
    }
    again = ensue.load(model)
    for beam in BEAMS:
        result[f"validation_beam_{beam}"] = _score(again, validation, beam)
    if not given.tune:
        test = pairs("test_2016_flickr", given.direction)
        result["test"] = _score(again, test, 5)
        result["test_greedy"] = _score(again, test, 1)
    return result | {"machine": machine()}


def pairs(part: str, direction: str) -> Any:
    """The pairs of a part in a direction."""
    source, target = direction.split("-")
    return read_pairs(DATA / f"{part}.{source}.gz", DATA / f"{part}.{target}.gz")


def _score(translator: Translator, parts: Any, beam: int) -> dict[str, Any]:
    began = time.process_time()
    found = translator.translate(parts.source, beam=beam)
    seconds = time.process_time() - began
    score, signature = bleu(found, parts.target)
    return {
        "bleu": round(score, 2),
        "signature": signature,
        "beam": beam,
        "cpu_seconds": round(seconds, 1),
        "sentences_a_second": round(len(found) / seconds, 1),
        "examples": [list(each) for each in zip(parts.source[:3], found[:3], parts.target[:3], strict=True)],
    }


class _Teller:
    """Prints what is found and where training stands, and ends it when its time is up."""

    def __init__(self, translator: Translator, minutes: float | None) -> None:
        self.translator, self.told, self.shown = translator, 0, 0.0
        self.until = None if minutes is None else time.monotonic() + 60 * minutes

    def __call__(self, progress: Any) -> None:
        for sentence in self.translator.findings_[self.told :]:
            print(f"step {progress.step}: {sentence}", flush=True)
        self.told = len(self.translator.findings_)
        if time.monotonic() - self.shown > 30:
            self.shown = time.monotonic()
            left = f"{progress.seconds_left:.0f} s left"
            print(f"step {progress.step}/{progress.steps} loss {progress.loss:.3f} {left}", flush=True)
        if self.until is not None and time.monotonic() > self.until:
            raise KeyboardInterrupt


if __name__ == "__main__":
    main()
