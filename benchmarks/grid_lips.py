"""GRID, speaker s1 (Cooke et al. 2006): from the moving lips alone, without sound, to the sentence.

    python benchmarks/grid_lips.py
    python benchmarks/grid_lips.py --tune --option tokens=characters --option epochs=20   # validation clips alone

Trains a `LipReader` on the train part of `own_split` (793 clips) and validates on its val part (98); the test part (109) is
read once, at the end. One speaker and a grammar of 51 words: the figures are not comparable with those of papers on all 34
speakers (LipNet: 4.8 % of words). Writes results/grid_lips.json and the model under build/. Data:
$ENSUE_DATA/speech_video/grid_s1, or ../shared/data.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

import ensue
from duel import machine
from ensue.cli.console import progress_line
from ensue.data.video.lips import LipsFrontEnd
from ensue.estimators.lip_reader import LipReader

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("ENSUE_DATA", HERE.parent.parent / "shared" / "data")) / "speech_video" / "grid_s1"
RATE = 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the LipReader")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name", default="grid_lips", help="of the model under build/")
    parser.add_argument("--sentences-only", action="store_true", help="do not learn from single words as well")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--tune", action="store_true", help="leave the test part alone; nothing is recorded")
    given = parser.parse_args()
    result = run(given)
    print(json.dumps(result, indent=1))
    if not given.tune:
        (HERE / "results" / "grid_lips.json").write_text(json.dumps(result, indent=1) + "\n")


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Train, save, read the validation clips and, once, the test's."""
    options = {"tokens": "words", "seed": given.seed, "threads": 1} | dict(map(_option, given.option))
    model = HERE.parent / "build" / f"{given.name}.ensue"
    model.parent.mkdir(exist_ok=True)
    reader = LipReader(**options)
    began, began_cpu = time.perf_counter(), time.process_time()
    films, texts = part("train")
    pieces = None if given.sentences_only else words(options)
    reader.fit(
        films, texts, words=pieces, valid=part("val"), checkpoint=model.with_suffix(".checkpoint"), resume=given.resume,
        progress=Teller(reader),
    )  # fmt: skip
    seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    reader.save(model)
    for finding in reader.findings_:
        print(finding, flush=True)
    result = {
        "task": "GRID s1, lips", "clips": len(texts),
        "sentences_only": given.sentences_only, "options": options, "train_seconds": seconds,
        "train_cpu_seconds": cpu, "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "parameters": reader.describe()["parameters"], "validation_wer_greedy": reader.greedy_scores_.wer,
        "validation_wer": reader.scores_.wer, "machine": machine(), "version": ensue.__version__,
    }  # fmt: skip
    if given.tune:
        return result
    films, texts = part("test")
    used = ensue.load(model)
    start = time.perf_counter()
    scores = used.evaluate(films, texts)
    result["read_seconds_a_clip"] = (time.perf_counter() - start) / len(texts)
    greedy = used.evaluate(films, texts, greedy=True)
    return result | {
        "test_clips": len(texts), "test_wer": scores.wer, "test_cer": scores.cer, "test_wer_greedy": greedy.wer,
    }  # fmt: skip


def part(name: str) -> tuple[list[Any], list[str]]:
    """Films of the mouth, as frames, and the sentences of a part of the split."""
    rows = rows_of(name)
    return [frames(DATA / "mouth" / f"{row['id']}.mp4") for row in rows], [row["text"] for row in rows]


def words(options: dict[str, Any]) -> tuple[list[Any], list[str]]:
    """Every word of the training sentences by itself, cut out at the times that come with GRID, with a frame around it.

    Assael et al. (2016, sec. 4.1) learn from single words too: in them what is seen is learned soon, and in sentences what
    usually follows what is learned first.
    """
    sizes = {name: value for name, value in options.items() if name in ("height", "width", "margin", "shrink")}
    front_end = LipsFrontEnd(**sizes)
    cut: list[Any] = []
    said: list[str] = []
    for row in rows_of("train"):
        film = front_end.cut_out(frames(DATA / "mouth" / f"{row['id']}.mp4"))
        for item in row["alignment_sec"].split():
            times, _, word = item.partition(":")
            first, last = (float(each) * RATE for each in times.split("-"))
            if word not in ("sil", "sp"):
                cut.append(film[max(0, round(first) - 1) : round(last) + 1])
                said.append(word)
    return cut, said


def rows_of(name: str) -> list[dict[str, str]]:
    with (DATA / "index.csv").open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["own_split"] == name]


def frames(path: Path) -> np.ndarray:
    """All frames of a film, grey."""
    import av

    with av.open(str(path)) as film:
        return np.stack([each.to_ndarray(format="gray") for each in film.decode(video=0)])


class Teller:
    """Shows now and then where training stands, and what it finds."""

    def __init__(self, reader: LipReader) -> None:
        self.reader, self.told, self.last = reader, 0, 0.0

    def __call__(self, progress: Any) -> None:
        for finding in self.reader.findings_[self.told :]:
            print(finding, flush=True)
        self.told = len(self.reader.findings_)
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
