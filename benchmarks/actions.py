"""UTKinect-Action3D: ten actions of ten people, told from 20 joints of a skeleton; people never met before.

    python benchmarks/actions.py                    # subjects 1-5 to learn from, 6-10 to test (cross-subject)
    python benchmarks/actions.py --streaming        # the same with a network that reads forward only
    python benchmarks/actions.py --left-out all     # each subject left out once, mean of ten
    python benchmarks/actions.py --tune             # within subjects 1-5 only, each left out once; writes nothing

The recogniser trains with its defaults and is told who is seen in each clip; one whole subject of those it learns from is
set aside to validate on. Beside it stand a linear model of each clip's mean frame and one of its middle frame, on the same
features. Writes results/actions*.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np

from duel import machine
from ensue.baselines.pooled import MEAN, SINGLE, linear, mean_frame, middle_frame
from ensue.estimators.action_recogniser import ActionRecogniser

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("ENSUE_DATA", HERE.parent.parent / "shared" / "data")) / "speech_video"


def main() -> None:
    given = arguments().parse_args()
    set_ = np.load(DATA / "utkinect_skeleton" / "utkinect_skeleton.npz")
    borders = set_["offsets"]
    clips = [set_["x"][first:last] for first, last in zip(borders[:-1], borders[1:], strict=True)]
    labels = np.array([str(set_["action_names"][each]) for each in set_["action"]])
    subjects = set_["subject"]
    chosen = {each.partition("=")[0]: json.loads(each.partition("=")[2]) for each in given.option}
    if given.streaming:
        chosen["streaming"] = True
    known = subjects <= 5
    if given.tune:
        divisions = [(known & (subjects != who), subjects == who) for who in range(1, 6)]
    elif given.left_out == "all":
        divisions = [(subjects != who, subjects == who) for who in range(1, 11)]
    elif given.left_out != "none":
        divisions = [(subjects != int(given.left_out), subjects == int(given.left_out))]
    else:
        divisions = [(known, ~known)]
    found = [division(clips, labels, subjects, each, chosen, given.seed) for each in divisions]
    summary = mean_of(found) | {
        "set": "UTKinect-Action3D",
        "protocol": "cross-subject" if given.left_out == "none" else "leave one subject out",
        "seed": given.seed,
        "options": chosen,
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "machine": machine(),
        "parts": found,
    }
    print(json.dumps({key: value for key, value in summary.items() if key != "parts"}, indent=1))
    if not given.tune:
        name = "actions" + ("-left-out" if given.left_out != "none" else "") + ("-streaming" if given.streaming else "")
        (given.out / f"{name}.json").write_text(json.dumps(summary, indent=1) + "\n")


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--left-out", default="none", metavar="SUBJECT|all|none")
    parser.add_argument("--streaming", action="store_true", help="read forward only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--tune", action="store_true", help="leave subjects 6 to 10 alone and write nothing")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of ActionRecogniser")
    return parser


def division(
    clips: list[Any], labels: Any, subjects: Any, parts: tuple[Any, Any], chosen: dict[str, Any], seed: int
) -> dict[str, Any]:
    """Train on one part and test on the other."""
    training, test = (np.flatnonzero(each) for each in parts)
    began = time.process_time()
    model = ActionRecogniser(seed=seed, **chosen)
    model.fit([clips[row] for row in training], labels[training].tolist(), subjects=subjects[training].tolist())
    spent = time.process_time() - began
    began = time.process_time()
    asked = [clips[row] for row in test]
    scores = model.evaluate(asked, labels[test].tolist())
    used = time.process_time() - began
    read, held = ([model.task_.read(clips[row]) for row in rows] for rows in (training, test))
    place = {name: number for number, name in enumerate(model.classes_)}
    known, right = (np.array([place[labels[row]] for row in rows]) for rows in (training, test))
    beside = {
        name: float((linear(frame(read), known, frame(held), len(place)).argmax(axis=1) == right).mean())
        for name, frame in ((MEAN, mean_frame), (SINGLE, middle_frame))
    }
    result = {
        "tested_on": sorted({int(each) for each in subjects[test]}),
        "accuracy": scores.accuracy,
        "macro_f1": scores.macro_f1,
        "calibration_error": scores.calibration_error,
        **beside,
        "clips": len(test),
        "validation": model.scores_.accuracy,
        "parameters": model.describe()["parameters"],
        "steps": model.report_.steps,
        "cpu_seconds": round(spent, 1),
        "milliseconds_a_clip": round(1000 * used / len(test), 2),
        "confusion": [list(row) for row in scores.confusion],
    }
    print({name: result[name] for name in ("tested_on", "accuracy", MEAN, SINGLE, "cpu_seconds")}, flush=True)
    return result


def mean_of(found: list[dict[str, Any]]) -> dict[str, Any]:
    names = ("accuracy", MEAN, SINGLE, "macro_f1", "calibration_error", "cpu_seconds", "milliseconds_a_clip")
    return {name: round(float(np.mean([each[name] for each in found])), 4) for name in names}


if __name__ == "__main__":
    main()
