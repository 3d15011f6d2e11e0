"""Speech Commands, a part of it: ten words, other words and silence, said by people never met before.

    python benchmarks/commands.py                 # the internal split: 1,573 recordings to learn from, 283 to test
    python benchmarks/commands.py --streaming     # the same with a network that reads forward only
    python benchmarks/commands.py --tune          # within the training part: its own validation speakers; writes nothing

The 1,856 recordings are a part of the official test set, divided here by speaker, as the official training set was not to
be had: NOT comparable with published figures, which learn from 85,000 recordings. Half of GRID's sentences (25 minutes of one
speaker, none of the words among them) are given as negatives; false alarms are then counted on the other half, which training
never saw. Beside it stands a linear model of each recording's mean frame. Writes results/commands*.json.
"""

from __future__ import annotations

import json

import numpy as np
import polars as pl

from commands_heard import DATA, Division, arguments, run
from ensue.estimators.listener import Listener


def main() -> None:
    given = arguments(__doc__).parse_args()
    folder = DATA / "speech_commands"
    table = pl.read_csv(folder / "index.csv", infer_schema_length=None).filter(
        pl.col("official_set") == "v0.02-official-test"
    )
    files = [folder / each for each in table["file"]]
    labels, speakers = table["class12_or_word"].to_list(), table["speaker_hash"].to_list()
    learned = (table["internal_split"] == "train").to_numpy()
    sentences = sorted((DATA / "grid_s1" / "audio").glob("*.ogg"))
    # those that are silent have no speaker: each stands for itself
    speakers = [each or f"silence {row}" for row, each in enumerate(speakers)]
    known, test = np.flatnonzero(learned), np.flatnonzero(~learned)
    if given.tune:
        test = known[:1]
    parts = [Division("internal", known, test)]
    negatives = sentences[: len(sentences) // 2]
    model = run("commands", "Speech Commands (part)", files, labels, speakers, parts, given, negatives=negatives)[0]
    if not given.tune:
        heard = alarms(model, sentences[len(sentences) // 2 :])
        place = given.out / ("commands-streaming.json" if given.streaming else "commands.json")
        place.write_text(json.dumps(json.loads(place.read_text()) | {"false_alarms": heard}, indent=1) + "\n")


def alarms(model: Listener, sentences: list[object]) -> dict[str, float]:
    """What is heard in sentences without any of the words, at the model's own threshold."""
    count, seconds = 0, 0.0
    for each in sentences:
        samples = model.task_.plain.samples(each)
        seconds += len(samples) / model.task_.plain.rate
        count += len(model.listen(samples))
    found = {"alarms": count, "minutes": round(seconds / 60, 1), "an_hour": round(3600 * count / seconds, 2)}
    print(found)
    return found


if __name__ == "__main__":
    main()
