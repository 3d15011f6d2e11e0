"""The proof of memory: an LSTM, a GRU or a plain recurrent network learns one of the tasks of `data.memory_tasks`.

All three are trained alike: one layer of as many units, a linear read-out, the same sequences, Adam. An LSTM's result is
a network description with its weights, which the runtime can execute and the inspection can look into. The score is the
share of right symbols or the mean squared error of a number, on sequences that no training has seen.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ensue.data.memory_tasks import Batch, KnownLag, MemoryTask
from ensue.errors import TrainingError, UsageError, nearest
from ensue.learn.modules import build, weights_to_numpy
from ensue.network import LSTM, Layer, Linear, Network, SoftmaxHead
from ensue.reports import Progress

if TYPE_CHECKING:
    from jaxtyping import Float
    from numpy.typing import NDArray

STARTS = {"lstm": ("default", "forget", "chrono"), "gru": ("default", "chrono"), "rnn": ("default",)}
"""The cells and how each may begin."""
CHECKED, SCORED = 256, 1024
"""Sequences of a check while training, and of the score at the end."""
CHECK_SEED, SCORE_SEED = 2**40, 2**41
"""Added to the seed: training seeds are below them, so no sequence of a check or a score is trained on."""


@dataclass(frozen=True)
class Learner:
    """What learns: the kind of cell, its units, and how its gates begin.

    A "gru" and an "rnn" (tanh) are PyTorch's. `start` is "default" (as PyTorch begins: uniform within 1 / sqrt(units)),
    "forget" (of an LSTM: a forget bias of 1, Gers, Schmidhuber & Cummins 2000) or "chrono" (of an LSTM or a GRU: gates
    that keep from 2 steps to the task's span, Tallec & Ollivier 2018, sec. 2). Raises `UsageError` for what there is not.
    """

    cell: str = "lstm"
    units: int = 32
    start: str = "default"

    def __post_init__(self) -> None:
        if self.cell not in STARTS:
            raise UsageError(f"The cell '{self.cell}' is not known, {nearest(self.cell, STARTS)}")
        if self.start not in STARTS[self.cell]:
            raise UsageError(
                f"The start '{self.start}' of a {self.cell} is not known, {nearest(self.start, STARTS[self.cell])}"
            )
        if type(self.units) is not int or self.units < 1:
            raise UsageError(f"The learner has {self.units!r} units, expected a whole number from 1 on.")

    def network(self, task: MemoryTask) -> Network | None:
        """The description of an LSTM for the task; None of the other cells, which the runtime does not know."""
        if self.cell != "lstm":
            return None
        forget_bias = 1.0 if self.start == "forget" else None
        chrono = max(2, task.span) if self.start == "chrono" else None
        head: Layer = Linear(self.units, 1) if task.symbols is None else SoftmaxHead(self.units, task.symbols)
        return Network((LSTM(task.features, self.units, forget_bias=forget_bias, chrono=chrono), head))


@dataclass(frozen=True)
class Budget:
    """How long and how fast to train. Steps alone are repeatable; seconds depend on the machine."""

    steps: int
    seconds: float = math.inf
    """Processor seconds, of all threads together."""
    enough: float | None = None
    """A score as good as this at a check ends training early."""
    batch: int = 32
    learning_rate: float = 1e-2
    decay: bool = False
    """Whether the learning rate falls to a hundredth along a cosine, for numbers that have to be exact."""
    clip: float = 1.0
    check_every: int = 50

    def learning_rate_at(self, step: int) -> float:
        if not self.decay:
            return self.learning_rate
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / self.steps)))


@dataclass(frozen=True)
class MemoryResult:
    """How well something was remembered."""

    score: float
    """On 1,024 fresh sequences: the share of right symbols, or the mean squared error of a number."""
    solved: bool
    """Whether training ended early because a check was good enough."""
    curve: tuple[tuple[int, float, float], ...]
    """(step, training loss, score of a check) at each check."""
    steps: int
    seconds: float
    """Processor seconds of training, checks included."""
    parameters: int
    """Numbers that were trained."""
    network: Network | None
    """What was trained, if that is an LSTM; None of the other cells, which the runtime does not know."""
    weights: dict[str, NDArray[Any]]
    """By parameter name; of an LSTM as `runtime.engine.Engine(network, weights)` takes them."""


def learn_memory(
    task: MemoryTask,
    learner: Learner | None = None,
    budget: Budget | None = None,
    *,
    seed: int = 0,
    threads: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> MemoryResult:
    """Train on sequences made as they are needed, and score on fresh ones.

    The learner is an LSTM of 32 units and the budget 1,000 steps unless given. Weights and sequences depend on the seed
    alone, and PyTorch's global generator is left as it was; the result is the same on the same machine with as many
    threads. Raises `UsageError` for a seed that cannot be one, and `TrainingError` when the loss is no longer a number.

    >>> from ensue.data.memory_tasks import FirstSymbol
    >>> learn_memory(FirstSymbol(steps=5), budget=Budget(steps=300, enough=1.0)).score
    1.0
    """
    learner, budget = learner or Learner(), budget or Budget(steps=1000)
    if type(seed) is not int or not 0 <= seed < CHECK_SEED:
        raise UsageError(f"The seed is {seed!r}, expected a whole number from 0 to {CHECK_SEED - 1}.")
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = _module(task, learner)
        training = _Training(task, module, budget, seed)
        training.run(progress)
        score = training.score(SCORE_SEED, SCORED)
    finally:
        torch.set_num_threads(before)
    return MemoryResult(
        score=score,
        solved=training.solved,
        curve=tuple(training.curve),
        steps=training.step,
        seconds=training.seconds,
        parameters=sum(each.numel() for each in module.parameters()),
        network=learner.network(task),
        weights=weights_to_numpy(module),
    )


def learn_known_lag(lag: int, seed: int = 0) -> MemoryResult:
    """An LSTM of 16 units that answers with what was marked `lag` steps ago: what a tool that measures reach has to find.

    Its mean squared error is below 0.001, of a variance of 1/3, for lags up to a hundred; that takes a few seconds.

    >>> from ensue.runtime.engine import Engine
    >>> learned, batch = learn_known_lag(5), KnownLag(5).batch(size=100, seed=1)
    >>> answers = Engine(learned.network, learned.weights).forward(batch.x)[0][:, -1]
    >>> bool(abs(answers - batch.target).max() < 0.1)
    True
    """
    budget = Budget(steps=1500, learning_rate=1e-2, decay=True)
    return learn_memory(KnownLag(lag), Learner(units=16, start="chrono"), budget, seed=seed)


class _Training:
    """One training run: the module, its optimiser, and how it goes."""

    def __init__(self, task: MemoryTask, module: nn.Module, budget: Budget, seed: int) -> None:
        self.task, self.module, self.budget, self.seed = task, module, budget, seed
        self.optimizer = torch.optim.Adam(module.parameters(), lr=budget.learning_rate)
        self.step, self.seconds, self.solved = 0, 0.0, False
        self.curve: list[tuple[int, float, float]] = []

    def run(self, progress: Callable[[Progress], None] | None) -> None:
        budget, began = self.budget, time.process_time()
        while self.step < budget.steps and self.seconds < budget.seconds and not self.solved:
            loss = self._advance()
            if self.step % budget.check_every == 0 or self.step == budget.steps:
                score = self.score(CHECK_SEED, CHECKED)
                self.curve.append((self.step, loss, score))
                self.solved = self._enough(score)
            self.seconds = time.process_time() - began
            if progress is not None:
                left = self.seconds / self.step * (budget.steps - self.step)
                progress(Progress(self.step, budget.steps, loss, None, None, min(left, budget.seconds - self.seconds)))

    def score(self, apart: int, sequences: int) -> float:
        """On fresh sequences, in batches like those of training; `apart` says which sequences."""
        size, scores = self.budget.batch, []
        self.module.eval()
        with torch.no_grad():
            for number in range(math.ceil(sequences / size)):
                batch = self.task.batch(size, self.seed + apart, number)
                scores.append(self._score(self._said(batch), torch.from_numpy(batch.target)))
        self.module.train()
        return float(np.mean(scores))

    def _advance(self) -> float:
        """One training step; the loss before it."""
        batch = self.task.batch(self.budget.batch, self.seed, self.step)
        said, target = self._said(batch), torch.from_numpy(batch.target)
        if self.task.symbols is None:
            loss = functional.mse_loss(said[..., 0], target)
        else:
            loss = functional.cross_entropy(said.flatten(0, 1), target.flatten())
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"The loss became {value:g} at step {self.step + 1} with learning rate {self.budget.learning_rate:g}, so "
                "training stopped: try a learning rate ten times lower."
            )
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.module.parameters(), self.budget.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.budget.learning_rate_at(self.step)
        self.optimizer.step()
        self.step += 1
        return value

    def _said(self, batch: Batch) -> Tensor:
        """What the network says at the steps where an answer is due, `batch answers outputs`."""
        output: Tensor = self.module(torch.from_numpy(batch.x))[0]
        return output[:, -self.task.answers :]

    def _score(self, said: Tensor, target: Tensor) -> float:
        if self.task.symbols is None:
            return float(functional.mse_loss(said[..., 0], target))
        return float((said.argmax(-1) == target).double().mean())

    def _enough(self, score: float) -> bool:
        enough = self.budget.enough
        if enough is None:
            return False
        return score <= enough if self.task.symbols is None else score >= enough


class _Recurrent(nn.Module):
    """One of PyTorch's cells and a linear read-out, called as a network of ours is."""

    def __init__(self, cell: nn.GRU | nn.RNN, outputs: int) -> None:
        super().__init__()
        self.cell, self.head = cell, nn.Linear(cell.hidden_size, outputs)

    def forward(self, x: Float[Tensor, "batch time features"]) -> tuple[Float[Tensor, "batch time outputs"], Tensor]:
        hidden, state = self.cell(x)
        return self.head(hidden), state


def _module(task: MemoryTask, learner: Learner) -> nn.Module:
    network = learner.network(task)
    if network is not None:
        return build(network)
    if learner.cell == "rnn":
        return _Recurrent(nn.RNN(task.features, learner.units, batch_first=True), task.symbols or 1)
    gru = nn.GRU(task.features, learner.units, batch_first=True)
    if learner.start == "chrono":
        _keep_long(gru, max(2, task.span))
    return _Recurrent(gru, task.symbols or 1)


def _keep_long(gru: nn.GRU, longest: int) -> None:
    """Begin as `chrono` lets an LSTM begin: PyTorch's z, the second gate of three, is the share that is kept."""
    size = gru.hidden_size
    with torch.no_grad():
        gru.get_parameter("bias_ih_l0")[size : 2 * size] = torch.log(1 + (longest - 2) * torch.rand(size))
        gru.get_parameter("bias_hh_l0")[size : 2 * size] = 0.0
