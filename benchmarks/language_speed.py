"""How fast a language model learns and writes, beside the same network written in the plain way with torch.nn.LSTM.

    python benchmarks/language_speed.py

Training: a character model of 2 x 512 units and a word model of 2 x 400 over 10,000 words, as the defaults have them, one
thread for everyone: tokens a second, a whole step (forward, backward, AdamW). Writing: a character model of 2 x 256 units,
one stream, a token at a time with sampling, on random weights. Turn by turn, medians of the rounds, ratios within a round.
Writes results/language_speed.json.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from duel import machine
from ensue.data.text import TextFrontEnd, TextOptions
from ensue.learn.language_model import Corpus, LanguageObjective, tie
from ensue.learn.modules import build, weights_to_numpy
from ensue.runtime.language import LanguageRuntime
from ensue.runtime.sampling import Sampling
from ensue.tasks.language_model import LanguageModelTask, LanguageSizes
from ensue.tasks.language_options import LanguageOptions

HERE = Path(__file__).resolve().parent
ROUNDS = 5
WRITTEN = 300


class Plain(nn.Module):
    """The way a tutorial writes it."""

    def __init__(self, vocabulary: int, sizes: LanguageSizes) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, sizes.embedding)
        self.lstm = nn.LSTM(
            sizes.embedding, sizes.hidden_size, sizes.layers, batch_first=True, dropout=sizes.hidden_dropout
        )
        self.head = nn.Linear(sizes.hidden_size, vocabulary)
        if sizes.tied:
            self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        hidden, state = self.lstm(self.embedding(tokens), state)
        return self.head(hidden), state


def front_end(size: int) -> TextFrontEnd:
    return TextFrontEnd("words", own=tuple(f"w{number}" for number in range(size - 3)))


def training(kind: str, vocabulary: int) -> dict[str, Any]:
    """Tokens a second of a training step."""
    chosen = LanguageOptions().chosen(kind, 1_000_000)
    task = LanguageModelTask(front_end(vocabulary), chosen.sizes)
    corpus = Corpus(np.random.default_rng(0).integers(3, vocabulary, 200_000), np.arange(3, 60))
    count = chosen.batch_size * chosen.context_length
    steps: dict[str, Callable[[], None]] = {}
    for name, precision in (("ensue", "auto"), ("ensue_float32", "float32")):
        module = build(task.networks()["network"])
        if chosen.tied:
            tie(module)
        objective = LanguageObjective(module, corpus, replace(chosen, precision=precision), torch.device("cpu"))
        steps[name] = _step(module, lambda objective=objective: objective.loss(1))
    plain = Plain(vocabulary, chosen.sizes)
    batch = torch.randint(3, vocabulary, (chosen.batch_size, chosen.context_length + 1))

    def loss() -> Tensor:
        answers, _ = plain(batch[:, :-1])
        return nn.functional.cross_entropy(answers.flatten(0, 1), batch[:, 1:].flatten())

    steps["torch"] = _step(plain, loss)
    seconds = _in_turns(steps)
    return _told(seconds, count) | {"kind": kind, "vocabulary": vocabulary, "sizes": vars(chosen.sizes)}


def _step(module: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(module.parameters())
    module.train()

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


def writing() -> dict[str, Any]:
    """Tokens a second, one stream."""
    sizes = LanguageSizes(256, 2, 64)
    task = LanguageModelTask(TextFrontEnd.learn(["".join(map(chr, range(40, 102)))], TextOptions()), sizes)
    runtime = LanguageRuntime(task, weights_to_numpy(build(task.networks()["network"])))
    plain = Plain(task.front_end.size, sizes).eval()

    def ours() -> None:
        for _ in runtime.write([5], WRITTEN, Sampling()):
            pass

    @torch.inference_mode()
    def theirs() -> None:
        token, state = torch.tensor([[5]]), None
        for _ in range(WRITTEN):
            answers, state = plain(token, state)
            token = torch.multinomial(torch.softmax(answers[0], -1), 1)

    return _told(_in_turns({"ensue": ours, "torch": theirs}), WRITTEN) | {"sizes": vars(sizes)}


def _in_turns(runs: dict[str, Callable[[], None]]) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(ROUNDS + 1):
        for name, run in runs.items():
            began = time.process_time()
            run()
            if turn:
                seconds[name].append(time.process_time() - began)
    return seconds


def _told(seconds: dict[str, list[float]], count: int) -> dict[str, Any]:
    rates = {name: round(count / statistics.median(each)) for name, each in seconds.items()}
    others = {name: each for name, each in seconds.items() if name != "torch"}
    ratios = {
        name: round(statistics.median(b / a for a, b in zip(each, seconds["torch"], strict=True)), 2)
        for name, each in others.items()
    }
    return {"tokens_a_second": rates, "times_torch": ratios}


def main() -> None:
    torch.set_num_threads(1)
    result = {
        "training": [training("characters", 68), training("words", 10_003)],
        "writing": writing(),
        "machine": machine(),
    }
    print(json.dumps({name: value for name, value in result.items() if name != "machine"}, indent=1))
    (HERE / "results" / "language_speed.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
