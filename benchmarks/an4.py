"""AN4 (CMU Census): spelled names, numbers and commands of 74 speakers, tested on 10 others, from the official 13 MFCC.

    python benchmarks/an4.py

The official division; of the training part whole speakers are set aside to validate on, by the default. Greedy decoding,
then the default: a beam search with a trigram model of the training transcripts' words, open; then the same with only
words of these transcripts ("closed"). Writes results/an4.json.
"""

from __future__ import annotations

import numpy as np

from speech import DATA, arguments, chosen, run


def main() -> None:
    given = arguments(__doc__).parse_args()
    with np.load(DATA / "an4_mfcc" / "an4_mfcc13.npz") as file:
        held = {name: file[name] for name in file.files}
    pairs = zip(held["offsets"], held["offsets"][1:], strict=False)
    items = [held["features"][first:last] for first, last in pairs]
    texts = [str(text) for text in held["text"]]
    speakers = [str(each).split("/")[1] for each in held["ids"]]
    train, test = (np.flatnonzero(held["split"] == part).tolist() for part in ("train", "test"))
    run("an4", chosen(train, items, texts, speakers), chosen(test, items, texts, speakers), given)


if __name__ == "__main__":
    main()
