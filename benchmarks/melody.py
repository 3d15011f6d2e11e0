"""Notes: the JSB chorales note by note and key by key, and the tunes of Nottingham as melodies, beside n-grams.

    python benchmarks/melody.py joint               # JSB chorales, notes that sound together modelled jointly
    python benchmarks/melody.py independent         # JSB chorales, each of 88 keys by itself
    python benchmarks/melody.py nottingham          # melodies of the Nottingham collection
    python benchmarks/melody.py joint --validation --steps 900 --dropout 0.5

The JSB figure is that of Boulanger-Lewandowski, Bengio & Vincent (2012): quarter notes, their split, minus the log
probability of all 88 keys, in nats, on average over all time steps; the first step of each chorale is foretold too, from
the empty state. Nottingham has no split: a hash of a tune's title sets a tenth aside to validate and a tenth to test.
With --validation the test part is never read. Data: the folder that ENSUE_DATA names, or ../shared/data.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from duel import machine
from ensue.data.notes.chorales import read_steps
from ensue.data.notes.coding import Places
from ensue.data.notes.tune import Meter, Stepped
from ensue.learn.melody import fit
from ensue.runtime.composing import score
from ensue.runtime.engine import Engine
from ensue.tasks.melody import CODINGS, MelodyOptions, MelodyRecipe, MelodyTask

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("ENSUE_DATA", HERE.parent.parent / "shared" / "data")) / "language"
QUARTERS = Places(1, (Meter(4, 4),))

Splits = dict[str, list[Stepped]]


def chorales() -> Splits:
    return read_steps(DATA / "jsb_chorales" / "jsb-chorales-quarter.json.gz", steps_per_quarter=1)


def run(name: str, splits: Splits, places: Places, options: MelodyOptions, test: bool) -> dict[str, Any]:
    """Train, and score the test part where that is wanted."""
    task = MelodyTask(CODINGS[options.coding](places), options.recipe.sizes)
    began, cpu = time.monotonic(), time.process_time()

    def show(progress: Any) -> None:
        if progress.step % 100 == 0 and progress.validation is not None:
            print(
                f"{progress.step}/{progress.steps} loss {progress.loss:.4f} validation {progress.validation:.4f} "
                f"({time.monotonic() - began:.0f} s)",
                flush=True,
            )

    fitted = fit(splits["train"], splits["valid"], task, options, baseline=("", float("nan")), progress=show)
    result: dict[str, Any] = {
        "set": name,
        "validation": fitted.report.validation,
        "steps": fitted.report.steps,
        "best_step": fitted.report.best_step,
        "train_seconds": time.monotonic() - began,
        "train_cpu_seconds": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "parameters": task.network().parameter_count,
        "options": asdict(options) | asdict(options.recipe),
        "curve": fitted.report.curve,
    }
    if test:
        engine = Engine(task.network(), fitted.weights)
        scored = score(task, engine, splits["test"])
        result |= {"test": scored.per_step, "test_per_token": scored.per_token, "test_steps": scored.steps}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["joint", "independent"])
    parser.add_argument("--validation", action="store_true", help="leave the test part alone")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="float32")
    for each in fields(MelodyRecipe):
        parser.add_argument(
            "--" + each.name.replace("_", "-"),
            type=float if "dropout" in each.name or each.name in ("learning_rate", "weight_decay") else int,
        )
    given = vars(parser.parse_args())
    what, validation, out = (given.pop(each) for each in ("what", "validation", "out"))
    where = machine()
    coding = {"joint": "chords", "independent": "keys"}[what]
    result = run(f"jsb-{what}", chorales(), QUARTERS, MelodyOptions(coding=coding, **given), test=not validation)
    out.mkdir(parents=True, exist_ok=True)
    cut = "validation-" if validation else ""
    path = out / f"melody-{cut}{result['set']}.json"
    path.write_text(json.dumps(result | {"machine": where}, indent=1) + "\n")
    print({name: value for name, value in result.items() if name not in ("curve", "options")})


if __name__ == "__main__":
    main()
