"""Moving shapes: captions of SYNTHETIC clips whose sentences are known to be true.

    python benchmarks/moving_shapes.py
    python benchmarks/moving_shapes.py --reader mean         # every frame by itself: the baseline that knows no order
    python benchmarks/moving_shapes.py --tune --option steps=500

Trains a `Captioner` on made clips of 432 of the 480 sentences (`ensue.data.video.moving_shapes`), validates on others of
these, and captions, once at the end, 500 new clips of the known sentences and 500 of the 48 combinations of words that were
never learned. Writes results/moving_shapes-READER.json and the model under build/.
"""

from __future__ import annotations

import argparse
import ast
import json
import resource
import time
from pathlib import Path
from typing import Any

import ensue
from duel import machine
from ensue.cli.console import progress_line
from ensue.data.video.moving_shapes import Scene, clips, set_apart
from ensue.estimators.captioner import Captioner

HERE = Path(__file__).resolve().parent
SIDE, RATE = 48, 25.0
COUNTS = {"train": 8000, "valid": 300, "known": 500, "new": 500}
SEEDS = {"train": 1, "valid": 2, "known": 5, "new": 6}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reader", choices=("lstm", "mean"), default="lstm")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the Captioner")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tune", action="store_true", help="leave the test clips alone; nothing is recorded")
    given = parser.parse_args()
    result = run(given)
    print(json.dumps(result, indent=1))
    if not given.tune:
        (HERE / "results" / f"moving_shapes-{given.reader}.json").write_text(json.dumps(result, indent=1) + "\n")


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Train, save, caption what is new."""
    options = {"reader": given.reader, "seed": given.seed, "side": SIDE, "frame_rate": RATE, "threads": 1}
    options |= dict(map(_option, given.option))
    model = HERE.parent / "build" / f"moving_shapes-{given.reader}.ensue"
    model.parent.mkdir(exist_ok=True)
    known, apart = set_apart()
    captioner = Captioner(**options)
    began, began_cpu = time.perf_counter(), time.process_time()
    captioner.fit(*made("train", known), valid=made("valid", known), progress=Teller(captioner))
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    captioner.save(model)
    result = {
        "task": "moving shapes (synthetic)", "options": options, "clips": COUNTS["train"],
        "sentences": len(known), "train_seconds": seconds, "train_cpu_seconds": cpu, "steps": captioner.report_.steps,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "parameters": captioner.describe()["parameters"], "machine": machine(), "version": ensue.__version__,
    }  # fmt: skip
    used = ensue.load(model)
    result["valid"] = used.evaluate(*made("valid", known))._asdict()
    if given.tune:
        return result
    began = time.perf_counter()
    result["known"] = used.evaluate(*made("known", known))._asdict()
    result["caption_seconds_a_clip"] = (time.perf_counter() - began) / COUNTS["known"]
    return result | {"new": used.evaluate(*made("new", apart))._asdict()}


def made(part: str, among: list[Scene]) -> tuple[list[Any], list[str]]:
    """The frames and sentences of a part."""
    drawn = list(clips(COUNTS[part], SEEDS[part], among, SIDE))
    return [clip.frames for clip in drawn], [clip.sentence for clip in drawn]


class Teller:
    """Shows now and then where training stands, and what it finds."""

    def __init__(self, captioner: Captioner) -> None:
        self.captioner, self.told, self.last = captioner, 0, 0.0

    def __call__(self, progress: Any) -> None:
        for finding in self.captioner.findings_[self.told :]:
            print(finding, flush=True)
        self.told = len(self.captioner.findings_)
        if time.monotonic() - self.last > 30 or progress.step == progress.steps:
            self.last = time.monotonic()
            print(f"{time.process_time():.0f} cpu s  {progress_line(progress)}", flush=True)


def _option(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


if __name__ == "__main__":
    main()
