"""GRID, talker s1, audio: a thousand sentences of six words from a fixed grammar.

    python benchmarks/grid_audio.py

The division is ours, by name (crc32 % 10), since there is no official one for a single talker: 793 sentences to learn
from, 98 to validate on, 109 to test. The grammar's 51 words and their order are learned from the training sentences by
the language model; greedy figures stand beside. Also measured: how far word times are from the alignments that come with
GRID. Writes results/grid_audio.json.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl

from ensue import load
from speech import DATA, HERE, Part, arguments, run

GRID = DATA / "grid_s1"


def main() -> None:
    given = arguments(__doc__).parse_args()
    table = pl.read_csv(GRID / "index.csv")
    parts = {}
    for name in ("train", "val", "test"):
        rows = table.filter(pl.col("own_split") == name)
        parts[name] = Part([GRID / "audio" / f"{each}.ogg" for each in rows["id"]], rows["text"].to_list())
    result = run("grid_audio", parts["train"], parts["test"], given, parts["val"])
    if given.tune:
        return
    model = load(HERE.parent / "build" / f"grid_audio-{given.seed}.ensue")
    rows = table.filter(pl.col("own_split") == "test")
    result["times"] = times(model.transcribe(parts["test"].items), rows["alignment_sec"].to_list())
    (given.out / "grid_audio.json").write_text(json.dumps(result, indent=1) + "\n")
    print(result["times"])


def times(heard: list[Any], alignments: list[str]) -> dict[str, float]:
    """Median distance of starts and ends, in seconds, in sentences whose words are all right."""
    starts, ends = [], []
    for transcript, alignment in zip(heard, alignments, strict=True):
        spans = [each.split(":") for each in alignment.split()]
        right = [(*map(float, span.split("-")), word) for span, word in spans if word not in ("sil", "sp")]
        if [word.text for word in transcript.words] != [word for _, _, word in right]:
            continue
        starts += [word.start - first for word, (first, _, _) in zip(transcript.words, right, strict=True)]
        ends += [word.end - last for word, (_, last, _) in zip(transcript.words, right, strict=True)]
    return {
        "start_median": float(np.median(starts)),
        "start_median_distance": float(np.median(np.abs(starts))),
        "end_median": float(np.median(ends)),
        "end_median_distance": float(np.median(np.abs(ends))),
        "words": len(starts),
    }


if __name__ == "__main__":
    main()
