"""What the benchmarks of speech share: training, the test part read once, the line that is kept.

`an4.py`, `yesno.py` and `grid_audio.py` are the scripts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from duel import machine
from ensue.estimators.transcriber import Transcriber

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("ENSUE_DATA", HERE.parent.parent / "shared" / "data")) / "speech_video"


@dataclass
class Part:
    """Recordings, what is said in them, and by whom."""

    items: list[Any]
    texts: list[str]
    speakers: list[str] | None = None


def arguments(description: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--tune", action="store_true", help="leave the test part alone and write nothing")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of Transcriber, to try it")
    return parser


def run(name: str, train: Part, test: Part, given: argparse.Namespace, valid: Part | None = None) -> dict[str, Any]:
    """Train with the defaults, score the test part in each way of listening, write results/NAME.json."""
    chosen = {each.partition("=")[0]: value(each.partition("=")[2]) for each in given.option}
    where = machine()
    model = Transcriber(seed=given.seed, **chosen)
    said: list[str] = []

    def tell(progress: Any) -> None:
        for finding in model.findings_[len(said) :]:
            said.append(finding)
            print("-", finding, flush=True)
        if progress.step % 200 == 0:
            print(progress.step, f"{progress.loss:.3f}", progress.validation, flush=True)

    began = time.process_time()
    held = None if valid is None else (valid.items, valid.texts)
    model.fit(train.items, train.texts, speakers=train.speakers, valid=held, progress=tell)
    spent = time.process_time() - began
    result: dict[str, Any] = {
        "set": name,
        "train": len(train.items),
        "validation_greedy": asdict(model.greedy_scores_),
        "validation": asdict(model.scores_),
        "parameters": model.describe()["parameters"],
        "steps": model.report_.steps,
        "best_step": model.report_.best_step,
        "cpu_seconds": round(spent, 1),
        "findings": list(model.findings_),
        "options": chosen,
    }
    print(json.dumps(result, indent=1), flush=True)
    model.save(HERE.parent / "build" / f"{name}-{given.seed}.ensue")
    if given.tune:
        return result
    began = time.process_time()
    result["greedy"] = asdict(model.evaluate(test.items, test.texts, greedy=True))
    result["greedy_seconds"] = round(time.process_time() - began, 2)
    began = time.process_time()
    result["beam"] = asdict(model.evaluate(test.items, test.texts))
    result["beam_seconds"] = round(time.process_time() - began, 2)
    result["closed"] = asdict(model.evaluate(test.items, test.texts, closed=True))
    result |= {
        "test": len(test.items),
        "seed": given.seed,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "machine": where,
    }
    (given.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps({key: result[key] for key in ("greedy", "beam", "closed", "beam_seconds")}), flush=True)
    return result


def value(text: str) -> Any:
    """The value of an option as it was typed."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def chosen(rows: Sequence[int], items: Sequence[Any], texts: Sequence[str], speakers: Sequence[str] | None) -> Part:
    return Part(
        [items[row] for row in rows],
        [texts[row] for row in rows],
        None if speakers is None else [speakers[row] for row in rows],
    )
