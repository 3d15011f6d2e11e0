"""The training loop: warm-up and cosine, clipping, averaged weights, validation, early stopping, checkpoints, resume.

It knows a module and an `Objective`, and nothing of any one task. Everything random in a step depends on the seed and the
step's number alone, so a run that was killed goes on from its last checkpoint to the same weights it would have reached.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from ensue.errors import ConfigError, TrainingError, nearest
from ensue.learn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from ensue.reports import MASE, Measure, Progress, TrainingReport

SCHEDULES = ("cosine", "plateau")

AVERAGE_DECAY = 0.99


class Objective(Protocol):
    """What a task gives the loop. One that carries something from step to step is a `Carrying` as well."""

    def loss(self, step: int) -> Tensor:
        """The loss of the batch of one step."""

    def validate(self) -> tuple[float, float]:
        """The score that decides which weights are best, and the same of the baseline; lower is better."""


@runtime_checkable
class Carrying(Protocol):
    """An objective that hands something on from one step to the next, such as the state of a long text."""

    def snapshot(self) -> dict[str, Tensor]:
        """What the next step needs, for a checkpoint."""

    def restore(self, carried: dict[str, Tensor]) -> None:
        """Go on from a snapshot."""


@dataclass(frozen=True)
class LoopOptions:
    """How long and how fast to train."""

    steps: int
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warm_up: int = 50
    clip: float = 1.0
    validate_every: int = 50
    patience: int = 8
    """Validations without a better score before training stops."""
    seed: int = 0
    score_first: bool = False
    """Score the weights that training begins with; they are kept where training does not better them."""
    betas: tuple[float, float] = (0.9, 0.98)
    """Of AdamW's running means (Loshchilov & Hutter 2019)."""
    average_decay: float = AVERAGE_DECAY
    """Weights are averaged over about the last 1 / (1 - this) steps (Polyak & Juditsky 1992); validation and the result
    use the average."""
    schedule: str = "cosine"
    """After warm-up, 'cosine' goes down to a hundredth at the last step; 'plateau' stays, and is divided by four after each
    validation that was no better than the best before it."""

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ConfigError(f"schedule is '{self.schedule}', {nearest(self.schedule, SCHEDULES)}")


@dataclass
class _Run:
    """What changes while training goes on."""

    step: int = 0
    best: float = math.inf
    baseline: float = math.inf
    best_step: int = 0
    seconds: float = 0.0
    slower: float = 1.0
    """What the learning rate is multiplied by, where it goes down on a plateau."""
    curve: list[tuple[int, float, float]] = field(default_factory=list)


def train(
    module: nn.Module,
    objective: Objective,
    options: LoopOptions,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    fingerprint: str = "",
    progress: Callable[[Progress], None] | None = None,
    measure: Measure = MASE,
) -> TrainingReport:
    """Train a module in place; it ends with the averaged weights of the best validation score.

    Args:
        checkpoint: file to write at the start and at every validation, and to go on from with `resume`.
        fingerprint: of data and options; a checkpoint of another run is refused.
        measure: what the validation score is, for those who are told of it.

    Ctrl-C ends training early with the best weights so far. Raises `TrainingError` when the loss is no longer a number.
    """
    state = _State(module, options)
    resumed = resume and checkpoint is not None
    if resume and checkpoint is not None:
        state.restore(load_checkpoint(checkpoint, fingerprint), objective)
    if options.score_first and not resumed:
        state.validate(objective, math.nan)
    if checkpoint is not None and not resumed:
        # Written before the first step too, so that a run that ends before its first validation can be resumed.
        save_checkpoint(checkpoint, state.snapshot(objective), fingerprint)
    started = time.monotonic() - state.run.seconds
    stopped = "all steps done"
    loss = math.nan
    try:
        # Asked before the step and not after a validation, so that a resumed run stops where it had stopped.
        while state.run.step < options.steps and not state.stale():
            loss = state.advance(objective)
            if state.run.step % options.validate_every == 0 or state.run.step == options.steps:
                state.validate(objective, loss)
                state.run.seconds = time.monotonic() - started
                if checkpoint is not None:
                    save_checkpoint(checkpoint, state.snapshot(objective), fingerprint)
            if progress is not None:
                progress(_progress(state.run, options, loss, started, measure))
        if state.run.step < options.steps:
            stopped = f"no better validation score for {options.patience * options.validate_every} steps"
    except KeyboardInterrupt:
        stopped = "interrupted"
    if state.best is None:
        state.validate(objective, loss)
    state.finish()
    run = state.run
    seconds = time.monotonic() - started
    return TrainingReport(run.step, seconds, stopped, run.best, run.baseline, run.best_step, tuple(run.curve), measure)


def learning_rate_at(step: int, options: LoopOptions) -> float:
    """Linear warm-up, then a cosine down to a hundredth (Loshchilov & Hutter 2017, section 3).

    >>> options = LoopOptions(steps=1000, learning_rate=1.0, warm_up=100)
    >>> [round(learning_rate_at(step, options), 3) for step in (0, 99, 550, 999)]
    [0.01, 1.0, 0.505, 0.01]
    """
    warm_up = min(options.warm_up, max(1, options.steps // 4))
    if step < warm_up:
        return options.learning_rate * (step + 1) / warm_up
    if options.schedule == "plateau":
        return options.learning_rate
    done = (step - warm_up) / max(1, options.steps - warm_up)
    return options.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


class _State:
    """Weights, their average, the optimiser and the best so far."""

    def __init__(self, module: nn.Module, options: LoopOptions) -> None:
        self.module, self.options = module, options
        self.names = [name for name, _ in module.named_parameters()]
        self.weights = [weight for _, weight in module.named_parameters()]
        self.average = [weight.detach().clone() for weight in self.weights]
        self.best: list[Tensor] | None = None
        # Fused, a step of a large table takes a third of the time.
        self.optimizer = torch.optim.AdamW(
            self.weights, lr=options.learning_rate, betas=options.betas, weight_decay=options.weight_decay, fused=True
        )
        self.run = _Run()

    def advance(self, objective: Objective) -> float:
        """One training step; the loss before it."""
        step, options = self.run.step, self.options
        # Of a seed PyTorch's generator for the processor keeps 32 bits only, so seed and step are mixed into these.
        torch.manual_seed(int(np.random.SeedSequence((options.seed, step)).generate_state(1)[0]))
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate_at(step, options) * self.run.slower
        self.module.train()
        loss = objective.loss(step)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.weights, options.clip)
        value = float(loss.detach())
        if not math.isfinite(value) or not math.isfinite(float(norm)):
            raise TrainingError(
                f"The loss became {value:g} (gradient norm {float(norm):g}) at step {step + 1} with learning rate "
                f"{options.learning_rate:g}, so training stopped: try a learning rate ten times lower."
            )
        self.optimizer.step()
        decay = min(options.average_decay, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, [weight.detach() for weight in self.weights], 1 - decay)
        self.run.step += 1
        return value

    def validate(self, objective: Objective, loss: float) -> None:
        """Score the averaged weights and keep them if they are the best."""
        current = [weight.detach().clone() for weight in self.weights]
        self._put(self.average)
        self.module.eval()
        with torch.no_grad():
            score, baseline = objective.validate()
        self._put(current)
        run = self.run
        run.baseline = baseline
        run.curve.append((run.step, loss, score))
        if self.best is None or score < run.best:
            self.best = [weight.clone() for weight in self.average]
            run.best, run.best_step = score, run.step
        elif self.options.schedule == "plateau":
            run.slower /= 4

    def stale(self) -> bool:
        run = self.run
        return run.step - run.best_step >= self.options.patience * self.options.validate_every

    def finish(self) -> None:
        self._put(self.best if self.best is not None else self.average)
        self.module.eval()

    def snapshot(self, objective: Objective) -> Checkpoint:
        tensors: dict[str, Tensor] = {}
        if isinstance(objective, Carrying):
            tensors |= {f"carried/{name}": tensor for name, tensor in objective.snapshot().items()}
        slots = [self.optimizer.state.get(weight, {}) for weight in self.weights]
        for i, name in enumerate(self.names):
            tensors[f"weights/{name}"] = self.weights[i].detach()
            tensors[f"average/{name}"] = self.average[i]
            if self.best is not None:
                tensors[f"best/{name}"] = self.best[i]
            for slot in ("exp_avg", "exp_avg_sq"):
                if slot in slots[i]:
                    tensors[f"{slot}/{name}"] = slots[i][slot]
        return Checkpoint(tensors, asdict(self.run))

    def restore(self, saved: Checkpoint, objective: Objective) -> None:
        tensors = saved.tensors
        if isinstance(objective, Carrying):
            carried = {name: each for name, each in tensors.items() if name.startswith("carried/")}
            objective.restore({name.removeprefix("carried/"): each for name, each in carried.items()})
        self._put([tensors[f"weights/{name}"] for name in self.names])
        with torch.no_grad():
            for i, name in enumerate(self.names):
                self.average[i].copy_(tensors[f"average/{name}"])
                if f"exp_avg/{name}" in tensors:
                    device = self.weights[i].device
                    self.optimizer.state[self.weights[i]] = {
                        "step": torch.tensor(float(saved.progress["step"]), device=device),
                        "exp_avg": tensors[f"exp_avg/{name}"].to(device),
                        "exp_avg_sq": tensors[f"exp_avg_sq/{name}"].to(device),
                    }
        if f"best/{self.names[0]}" in tensors:
            self.best = [tensors[f"best/{name}"].to(self.weights[0].device) for name in self.names]
        curve = [(int(step), float(loss), float(score)) for step, loss, score in saved.progress["curve"]]
        self.run = _Run(**{**saved.progress, "curve": curve})

    def _put(self, tensors: list[Tensor]) -> None:
        with torch.no_grad():
            for weight, value in zip(self.weights, tensors, strict=True):
                weight.copy_(value)


def _progress(run: _Run, options: LoopOptions, loss: float, started: float, measure: Measure) -> Progress:
    spent = time.monotonic() - started
    left = spent / max(run.step, 1) * (options.steps - run.step)
    last = run.curve[-1][2] if run.curve else None
    return Progress(run.step, options.steps, loss, last, run.baseline if run.curve else None, left, measure)
