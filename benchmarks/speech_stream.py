"""An hour of speech as it comes: seconds of work for a minute of sound in the first minute and the last, and memory.

    python benchmarks/speech_stream.py

A streaming model of the default size is trained on the digits of examples/speech, and hears these for an hour, in chunks of
a tenth of a second, in a process of its own without PyTorch. Writes results/speech_stream.json.
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
CLIPS = HERE.parent / "examples" / "speech"
MODEL = HERE.parent / "build" / "speech_stream.ensue"
MINUTES, CHUNK = 60, 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=MINUTES)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--listen", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.listen:
        print(json.dumps(listen(given.minutes)))
        return
    from duel import machine
    from ensue.estimators.transcriber import Transcriber

    Transcriber(streaming=True, hidden_size=192, layers=2, steps=given.steps).fit(CLIPS / "clips.csv").save(MODEL)
    command = [sys.executable, __file__, "--listen", "--minutes", str(given.minutes)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    print(found)
    if given.minutes == MINUTES:
        text = json.dumps(found | {"machine": machine()}, indent=1) + "\n"
        (given.out / "speech_stream.json").write_text(text)


def listen(minutes: int) -> dict[str, float]:
    """Processor seconds for each minute of sound, and the most memory after the first ten and after all."""
    import ensue
    from ensue.data.audio.recordings import read_audio

    model = ensue.load(MODEL)
    rate = model.task_.front_end.rate
    clips = [read_audio(path, rate).samples for path in sorted((CLIPS / "clips").glob("*.flac"))]
    sound = np.concatenate([np.pad(clip, (0, rate // 2)) for clip in clips])
    stream, size, at, words = model.stream(), round(CHUNK * rate), 0, 0
    spent, memory = [], []
    for _ in range(minutes):
        began = time.process_time()
        for _ in range(round(60 / CHUNK)):
            words += len(stream.update(sound[at : at + size]))
            at = (at + size) % (len(sound) - size)
        spent.append(time.process_time() - began)
        memory.append(resident())
    assert "torch" not in sys.modules
    return {
        "minutes": minutes,
        "words": words,
        "seconds_first_minute": round(spent[0], 3),
        "seconds_last_minute": round(spent[-1], 3),
        "seconds_median_minute": round(float(np.median(spent)), 3),
        "memory_mb_after_ten_minutes": round(memory[min(9, minutes - 1)], 1),
        "memory_mb_at_the_end": round(memory[-1], 1),
        "state_bytes": len(json.dumps(stream.state["search"])),
    }


def resident() -> float:
    """Megabytes of memory that this process has now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    main()
