"""Notes: the JSB chorales note by note and key by key, and the tunes of Nottingham as melodies, beside n-grams.

    python benchmarks/melody.py joint               # JSB chorales, notes that sound together modelled jointly
    python benchmarks/melody.py independent         # JSB chorales, each of 88 keys by itself
    python benchmarks/melody.py nottingham          # melodies of the Nottingham collection
    python benchmarks/melody.py joint --validation --steps 900 --dropout 0.5

The JSB figure is that of Boulanger-Lewandowski, Bengio & Vincent (2012): quarter notes, their split, minus the log
probability of all 88 keys, in nats, on average over all time steps; the first step of each chorale is foretold too, from
the empty state. Nottingham has no split: a hash of a tune's title sets a tenth aside to validate and a tenth to test, and
a step is a sixteenth note. Each figure is one run of one network, trained on the training part, stopped on the validation
part, and scored once on the test part by the runtime without PyTorch. With --validation the test part is left alone.
Results go to results/melody-*.json and results/melody.md. Data: the folder that ENSUE_DATA names, or ../shared/data.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import tarfile
import time
from collections import Counter
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from duel import machine
from ensue.data.notes.abc_files import read_abc
from ensue.data.notes.chorales import read_steps
from ensue.data.notes.coding import Places
from ensue.data.notes.folders import fitted
from ensue.data.notes.ngram import baseline
from ensue.data.notes.tune import Meter, Stepped, Tune, on_grid
from ensue.learn.melody import fit
from ensue.runtime.composing import score
from ensue.runtime.engine import Engine
from ensue.tasks.melody import CODINGS, MelodyOptions, MelodyRecipe, MelodyTask

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("ENSUE_DATA", HERE.parent.parent / "shared" / "data")) / "language"
SIXTEENTHS = 4
WHAT = {"joint": "chords", "independent": "keys", "nottingham": "melody"}
PUBLISHED = {
    "jsb-joint": "RNN-RBM 6.27, RNN-NADE 5.56 (Boulanger-Lewandowski et al. 2012)",
    "jsb-independent": "LSTM 8.45, TCN 8.10 (Bai et al. 2018)",
    "nottingham": "none for one voice",
}

Splits = dict[str, list[Stepped]]


def chorales() -> tuple[Splits, Places]:
    splits = read_steps(DATA / "jsb_chorales" / "jsb-chorales-quarter.json.gz", steps_per_quarter=1)
    return splits, Places(1, (Meter(4, 4),))


def nottingham() -> tuple[Splits, Places]:
    """The melodies, split by a hash of their titles, so that versions of a tune stay together."""
    splits: Splits = {"train": [], "valid": [], "test": []}
    refused = Counter[str]()
    with tarfile.open(DATA / "nottingham" / "ABC_cleaned.tar.xz") as archive:
        for member in sorted(archive.getmembers(), key=lambda each: each.name):
            file = archive.extractfile(member) if member.name.endswith(".abc") else None
            for tune in read_abc(file.read().decode("utf-8", "replace"), member.name) if file else []:
                if not isinstance(tune, Tune):
                    refused["not read"] += 1
                    print(f"- {tune}")
                    continue
                title = tune.name.partition(": ")[2].lower()
                part = int(hashlib.sha256(title.encode()).hexdigest(), 16) % 10
                stepped = fitted(on_grid(tune, SIXTEENTHS), polyphonic=False)
                splits[{0: "valid", 1: "test"}.get(part, "train")].append(stepped)
    print({split: len(tunes) for split, tunes in splits.items()}, dict(refused))
    meters = {tune.meter for tunes in splits.values() for tune in tunes}
    return splits, Places(SIXTEENTHS, tuple(sorted(meters, key=lambda meter: (meter.unit, meter.beats))))


def run(what: str, options: MelodyOptions, test: bool) -> dict[str, Any]:
    """Train, and score the test part where that is wanted."""
    splits, places = nottingham() if what == "nottingham" else chorales()
    task = MelodyTask(CODINGS[options.coding](places), options.recipe.sizes)
    simple = baseline(task.coding, splits["train"], splits["valid"])
    began, cpu = time.monotonic(), time.process_time()

    def show(progress: Any) -> None:
        if progress.step % 100 == 0 and progress.validation is not None:
            print(
                f"{progress.step}/{progress.steps} loss {progress.loss:.4f} validation {progress.validation:.4f} "
                f"({time.monotonic() - began:.0f} s)",
                flush=True,
            )

    learned = fit(splits["train"], splits["valid"], task, options, baseline=simple, progress=show)
    result: dict[str, Any] = {
        "set": what if what == "nottingham" else f"jsb-{what}",
        "preset": options.preset,
        "validation": learned.report.validation,
        "baseline": simple[0],
        "baseline_validation": simple[1],
        "steps": learned.report.steps,
        "best_step": learned.report.best_step,
        "train_seconds": time.monotonic() - began,
        "train_cpu_seconds": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "parameters": task.network().parameter_count,
        "options": asdict(options) | asdict(options.recipe),
        "curve": learned.report.curve,
    }
    if test:
        scored = score(task, Engine(task.network(), learned.weights), splits["test"])
        simple = baseline(task.coding, splits["train"], splits["test"])
        result |= {
            "test": scored.per_step,
            "test_per_token": scored.per_token,
            "test_steps": scored.steps,
            "baseline": simple[0],
            "baseline_test": simple[1],
        }
    return result


def page(folder: Path) -> str:
    """All recorded runs, a line each."""
    found = [
        json.loads(path.read_text()) for path in sorted(folder.glob("melody-*.json")) if "validation" not in path.name
    ]
    lines = [
        "## Notes",
        "`python benchmarks/melody.py joint|independent|nottingham [--preset thorough]`: nats per time step, lower is "
        "better. Every step is foretold, the first of a tune from the empty state; one network, no ensemble.",
        "",
        "| set | preset | test | validation | baseline, test | published | parameters | train s (cpu) | memory |",
        "|" + "---|" * 9,
    ]
    lines += [
        f"| {each['set']} | {each['preset']} | **{each['test']:.3f}** | {each['validation']:.3f} "
        f"| {each['baseline']} {each['baseline_test']:.2f} | {PUBLISHED[each['set']]} | {each['parameters']:,} "
        f"| {each['train_cpu_seconds']:.0f} | {each['peak_mb']:.0f} MB |"
        for each in found
    ]
    if found:
        where = found[0]["machine"]
        lines += ["", "Machine: " + ", ".join(f"{key} {value}" for key, value in where.items()) + "; seed 0."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*WHAT, "page"])
    parser.add_argument("--validation", action="store_true", help="leave the test part alone")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--device", default="cpu")
    for each in fields(MelodyRecipe):
        kind = float if "float" in str(each.type) else int
        parser.add_argument("--" + each.name.replace("_", "-"), type=kind)
    given = vars(parser.parse_args())
    what, validation, out = (given.pop(each) for each in ("what", "validation", "out"))
    out.mkdir(parents=True, exist_ok=True)
    if what != "page":
        where = machine()  # before the run: the commit that is measured
        result = run(what, MelodyOptions(coding=WHAT[what], **given), test=not validation)
        cut = "validation-" if validation else ""
        preset = "" if given["preset"] == "default" else f"-{given['preset']}"
        path = out / f"melody-{cut}{result['set']}{preset}.json"
        path.write_text(json.dumps(result | {"machine": where}, indent=1) + "\n")
        print({name: value for name, value in result.items() if name not in ("curve", "options")})
    if not validation:
        (out / "melody.md").write_text(page(out))


if __name__ == "__main__":
    main()
