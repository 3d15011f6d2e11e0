"""Language models on tiny Shakespeare and the Penn Treebank, through the public `LanguageModel`.

    python benchmarks/language_models.py tinyshakespeare
    python benchmarks/language_models.py ptb_words --preset thorough --resume
    python benchmarks/language_models.py ptb_characters --tune           # the validation text alone, nothing recorded

tinyshakespeare: the first 90 % are learned, the last 10 % are the figure (nanoGPT's split; there is no third part, so the
choice of the best weights has seen it, as for everyone). ptb: trained on train, validated on valid; test is scored once, in
one go with the state carried from its first token (fed with the end of a line) to its last. Words: the 10,000 of the
standard vocabulary, the end of each line one of them. Characters: spaces and the ends of lines count.
Scored without PyTorch, by the runtime. Writes results/language-SET.json, the model to build/. Data: $ENSUE_DATA/language, or
../shared/data.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import ensue
from duel import machine
from ensue.data.text_files import read_text
from ensue.estimators.language_model import LanguageModel
from ensue.runtime.word_cache import Cache

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("ENSUE_DATA", HERE.parent.parent / "shared" / "data")) / "language"
TEXT = {"tinyshakespeare": {"tokens": "characters"}, "ptb_words": {"tokens": "words", "vocabulary": 10_000}}
CACHE = Cache(words=500, flatness=0.3, share=0.1)


def texts(name: str) -> dict[str, str]:
    """The parts of a set: train, valid, and test where there is one."""
    if name == "tinyshakespeare":
        whole = read_text(DATA / name / "input.txt.gz")
        cut = int(len(whole) * 0.9)
        return {"train": whole[:cut], "valid": whole[cut:]}
    parts = {each: read_text(DATA / "ptb" / f"ptb.{each}.txt.gz") for each in ("train", "valid", "test")}
    lines = {each: [line.strip() for line in part.splitlines()] for each, part in parts.items()}
    return {each: "".join(f"{line}\n" for line in part) for each, part in lines.items()}


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Train, save, and score what the file holds."""
    parts = texts(given.set)
    suffix = "" if given.preset == "default" else f"-{given.preset}"
    path = HERE.parent / "build" / f"language-{given.set}{suffix}-{given.seed}.ensue"
    path.parent.mkdir(exist_ok=True)
    checkpoint = path.with_name(path.name + ".checkpoint")
    options = dict(each.split("=", 1) for each in given.option)
    choices = {name: json.loads(value) for name, value in options.items()}
    model = LanguageModel(
        preset=given.preset,
        seed=given.seed,
        threads=given.threads,
        **TEXT.get(given.set, {"tokens": "characters"}),
        **choices,
    )
    began, began_cpu, last = time.perf_counter(), time.process_time(), 0.0

    def show(progress: Any) -> None:
        nonlocal last
        if time.perf_counter() - last > 20:
            last = time.perf_counter()
            print(progress.step, progress.steps, round(progress.loss, 4), progress.validation, round(progress.seconds_left),
                  round(time.process_time() - began_cpu), flush=True)  # fmt: skip

    model.fit(
        parts["train"],
        parts["valid"],
        checkpoint=checkpoint,
        resume=given.resume and checkpoint.exists(),
        progress=show,
    )
    spent, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    model.save(path)
    used = ensue.load(path)
    result: dict[str, Any] = {
        "set": given.set,
        "command": "python benchmarks/language_models.py " + " ".join(sys.argv[1:]),
        "preset": given.preset,
        "options": model.describe()["sizes"] | choices,
        "parameters": model.describe()["parameters"],
        "seed": given.seed,
        "threads": given.threads,
        "steps": model.report_.steps,
        "best_step": model.report_.best_step,
        "stopped": model.report_.stopped,
        "train_seconds": round(model.report_.seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "wall_seconds": round(spent, 1),
        "resumed": given.resume,
        "file_bytes": path.stat().st_size,
        "validation_in_training": model.report_.validation,
        "curve": [[step, round(score, 4)] for step, _, score in model.report_.curve],
    }
    for part in ("valid",) if given.tune else [each for each in ("valid", "test") if each in parts]:
        score = used.evaluate(parts[part])
        result[part] = {
            "tokens": score.tokens,
            "unknown": score.unknown,
            "nats_per_token": score.nats_per_token,
            "perplexity": score.perplexity,
            "bits_per_character": score.bits_per_character,
        }
        if given.set == "ptb_words":
            result[part]["perplexity_with_cache"] = used.evaluate(parts[part], cache=CACHE).perplexity
    result["peak_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    result["machine"] = machine()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=("tinyshakespeare", "ptb_words", "ptb_characters"))
    parser.add_argument("--preset", default="default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--option", action="append", default=[], help="another choice, such as epochs=10")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint of a run that was stopped")
    parser.add_argument("--tune", action="store_true", help="leave the test text alone; nothing is recorded")
    given = parser.parse_args()
    result = run(given)
    print(json.dumps({name: value for name, value in result.items() if name not in ("curve", "machine")}, indent=1))
    if not given.tune:
        suffix = "" if given.preset == "default" else f"-{given.preset}"
        text = json.dumps(result, indent=1) + "\n"
        (HERE / "results" / f"language-{given.set}{suffix}.json").write_text(text)


if __name__ == "__main__":
    main()
