"""Free Spoken Digits: ten digits said by six people, 3,000 recordings of half a second at 8 kHz.

    python benchmarks/digits.py                     # the official split: recordings 0 to 4 of each to test, all six known
    python benchmarks/digits.py --left-out all      # each speaker left out once, mean of six: people never met before
    python benchmarks/digits.py --tune              # each of three speakers left out, of the official training part alone

The listener trains with its defaults and is told who speaks in each recording. Beside it stands a linear model of each
recording's mean frame. Writes results/digits*.json.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from commands_heard import DATA, Division, arguments, run


def main() -> None:
    given = arguments(__doc__)
    given.add_argument("--left-out", default="none", metavar="SPEAKER|all|none")
    chosen = given.parse_args()
    folder = DATA / "fsdd"
    table = pl.read_csv(folder / "index.csv", schema_overrides={"digit": pl.Utf8})
    files = [folder / each for each in table["file"]]
    labels, speakers = table["digit"].to_list(), table["speaker"].to_numpy()
    learned = (table["split"] == "train").to_numpy()
    everyone = sorted(set(speakers))
    if chosen.tune:
        divisions = [(who, learned & (speakers != who), learned & (speakers == who)) for who in everyone[::2]]
    elif chosen.left_out == "none":
        divisions = [("official", learned, ~learned)]
    else:
        asked = everyone if chosen.left_out == "all" else [chosen.left_out]
        divisions = [(who, speakers != who, speakers == who) for who in asked]
    name = "digits" if chosen.left_out == "none" else f"digits-left-out-{chosen.left_out}"
    parts = [Division(who, np.flatnonzero(known), np.flatnonzero(test)) for who, known, test in divisions]
    run(name, "Free Spoken Digits", files, labels, speakers.tolist(), parts, chosen)


if __name__ == "__main__":
    main()
