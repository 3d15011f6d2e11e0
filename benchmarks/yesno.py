"""yesno (OpenSLR 1): one man says yes and no in Hebrew, eight words a recording; Kaldi's smallest recipe.

    python benchmarks/yesno.py

Kaldi's division: the first 30 recordings by name to learn from, the last 30 (240 words) to test. Writes
results/yesno.json.
"""

from __future__ import annotations

import polars as pl

from speech import DATA, Part, arguments, run


def main() -> None:
    given = arguments(__doc__).parse_args()
    table = pl.read_csv(DATA / "yesno" / "index.csv")
    parts = {}
    for name in ("train", "test"):
        rows = table.filter(pl.col("split") == name)
        parts[name] = Part([DATA / "yesno" / file for file in rows["file"]], rows["text"].to_list())
    run("yesno", parts["train"], parts["test"], given)


if __name__ == "__main__":
    main()
