"""Small things to watch: an LSTM learns a sine wave, and remembers where others forget."""

from __future__ import annotations

from ensue.demo.memory import MemoryDemo, show_memory
from ensue.demo.sine import (
    CONTEXT,
    HELD_BACK,
    HORIZON,
    LEARNING_RATE,
    PERIOD,
    POINTS,
    SHOWN,
    STEPS,
    SineResult,
    learn_sine,
    sine_wave,
)

__all__ = [
    "CONTEXT",
    "HELD_BACK",
    "HORIZON",
    "LEARNING_RATE",
    "PERIOD",
    "POINTS",
    "SHOWN",
    "STEPS",
    "MemoryDemo",
    "SineResult",
    "learn_sine",
    "show_memory",
    "sine_wave",
]
