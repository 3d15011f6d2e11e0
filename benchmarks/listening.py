"""Words heard as they come: the time of a 32 ms chunk, and an hour of sound in constant memory, without PyTorch.

    python benchmarks/listening.py

Two models of 128 units are trained for a moment on the digits of examples/commands, one that reads forward and carries its
state, and the default, which is shown its window ten times a second. Each hears those recordings for an hour of sound, in
chunks of 32 ms, in a process of its own, on one thread. Writes results/listening.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parent / "examples" / "commands"
BUILD = HERE.parent / "build"
MINUTES, CHUNK = 60, 0.032
WAYS = {"forward": {"streaming": True, "layers": 1}, "window": {"layers": 1}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=MINUTES)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--listen", metavar="MODEL", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.listen is not None:
        print(json.dumps(listen(Path(given.listen), given.minutes)))
        return
    from duel import machine
    from ensue.estimators.listener import Listener

    BUILD.mkdir(exist_ok=True)
    found = {}
    for name, how in WAYS.items():
        model = BUILD / f"listening-{name}.ensue"
        Listener(hidden_size=128, sample_rate=16_000, steps=100, **how).fit(EXAMPLE / "words").save(model)
        command = [sys.executable, __file__, "--listen", str(model), "--minutes", str(given.minutes)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[name] = json.loads(done.stdout)
        print(name, found[name], flush=True)
    if given.minutes == MINUTES:
        (given.out / "listening.json").write_text(json.dumps(found | {"machine": machine()}, indent=1) + "\n")


def listen(place: Path, minutes: int) -> dict[str, float]:
    """Milliseconds of a chunk, and memory after ten minutes of sound and after all."""
    import ensue
    from ensue.data.audio.recordings import read_audio

    model = ensue.load(place)
    rate = model.task_.front_end.rate
    clips = [read_audio(path, rate).samples for path in sorted((EXAMPLE / "words").rglob("*.flac"))]
    sound = np.concatenate([np.pad(clip, (0, rate // 2)) for clip in clips])
    stream, size, at, words = model.stream(), round(CHUNK * rate), 0, 0
    spent, memory = [], []
    for _ in range(minutes):
        times = []
        for _ in range(round(60 / CHUNK)):
            began = time.perf_counter()
            words += len(stream.update(sound[at : at + size]))
            times.append(time.perf_counter() - began)
            at = (at + size) % (len(sound) - size)
        spent.append(np.array(times, np.float32))
        memory.append(resident())
    assert "torch" not in sys.modules
    milliseconds = 1000 * np.array(spent)
    return {
        "minutes": minutes,
        "words": words,
        "units": model.hidden_size,
        "milliseconds_a_chunk_median": round(float(np.median(milliseconds)), 4),
        "milliseconds_a_chunk_mean": round(float(milliseconds.mean()), 4),
        "milliseconds_a_chunk_99_percent": round(float(np.percentile(milliseconds, 99)), 4),
        "milliseconds_first_minute": round(float(np.median(milliseconds[0])), 4),
        "milliseconds_last_minute": round(float(np.median(milliseconds[-1])), 4),
        "memory_mb_after_ten_minutes": round(memory[min(9, minutes - 1)], 1),
        "memory_mb_at_the_end": round(memory[-1], 1),
        "state_bytes": sum(each.nbytes for each in stream.state.values()),
    }


def resident() -> float:
    """Megabytes of memory that this process has now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    main()
