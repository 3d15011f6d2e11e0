"""Speech Commands, a part of it: ten words, other words and silence, said by people never met before.

    python benchmarks/commands.py                 # the internal split: 1,573 recordings to learn from, 283 to test
    python benchmarks/commands.py --streaming     # the same with a network that reads forward only
    python benchmarks/commands.py --alarms        # with GRID's sentences as negatives: false alarms an hour
    python benchmarks/commands.py --tune          # within the training part: its own validation speakers; writes nothing

The 1,856 recordings are a part of the official test set, divided here by speaker, as the official training set was not to
be had: NOT comparable with published figures, which learn from 85,000 recordings. Beside the network stands a linear model of
each recording's mean frame. With --alarms half of GRID's sentences (25 minutes of one speaker, none of the words among them)
are given as negatives; false alarms are counted on the other half, which training never saw, and the words that are then
missed on the test recordings, heard as in a stream. Writes results/commands*.json.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl

from commands_heard import DATA, Division, arguments, run
from ensue.estimators.listener import Listener
from ensue.runtime.hearing import CommandRuntime
from ensue.runtime.thresholds import missed_by


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--alarms", action="store_true", help="count false alarms on GRID's sentences")
    given = parser.parse_args()
    folder = DATA / "speech_commands"
    table = pl.read_csv(folder / "index.csv", infer_schema_length=None).filter(
        pl.col("official_set") == "v0.02-official-test"
    )
    files = [folder / each for each in table["file"]]
    labels, speakers = table["class12_or_word"].to_list(), table["speaker_hash"].to_list()
    # those that are silent have no speaker: each stands for itself
    speakers = [each or f"silence {row}" for row, each in enumerate(speakers)]
    learned = (table["internal_split"] == "train").to_numpy()
    known, test = np.flatnonzero(learned), np.flatnonzero(~learned)
    parts = [Division("internal", known, known[:1] if given.tune else test)]
    sentences = sorted((DATA / "grid_s1" / "audio").glob("*.ogg")) if given.alarms else []
    half = len(sentences) // 2
    name = "commands-alarms" if given.alarms else "commands"
    fitting = {"negatives": sentences[:half]} if given.alarms else {}
    model = run(name, "Speech Commands (part)", files, labels, speakers, parts, given, **fitting)[0]
    if given.alarms and not given.tune:
        found = alarms(model, sentences[half:]) | missed(
            model, [files[row] for row in test], [labels[row] for row in test]
        )
        place = given.out / (f"{name}-streaming.json" if given.streaming else f"{name}.json")
        place.write_text(json.dumps(json.loads(place.read_text()) | {"heard": found}, indent=1) + "\n")
        print(found)


def alarms(model: Listener, sentences: list[Path]) -> dict[str, float]:
    """What is heard in sentences without any of the words, at the model's own threshold."""
    count, seconds = 0, 0.0
    for each in sentences:
        samples = model.task_.plain.samples(each)
        seconds += len(samples) / model.task_.plain.rate
        count += len(model.listen(samples))
    return {"alarms": count, "minutes": round(seconds / 60, 1), "an_hour": round(3600 * count / seconds, 2)}


def missed(model: Listener, files: list[Path], labels: list[str]) -> dict[str, float]:
    """The share of words that are not heard at that threshold, or heard as another one first."""
    words = [
        (model.task_.raw(file), label) for file, label in zip(files, labels, strict=True) if label in model.task_.words
    ]
    share = missed_by(CommandRuntime(model.task_, model.weights_), words, model.hearing_.threshold)
    return {"words": len(words), "missed": round(share or 0.0, 4)}


if __name__ == "__main__":
    main()
