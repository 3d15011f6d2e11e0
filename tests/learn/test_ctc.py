"""Training by CTC: the loss is that of the definition, batches are of similar length, silence is said."""

from __future__ import annotations

import itertools

import numpy as np
import torch

from ensue.data.audio.features import AudioFrontEnd
from ensue.data.utterances import Utterances
from ensue.learn.ctc import Objective
from ensue.tasks.alphabet import Alphabet
from ensue.tasks.speech import SpeechSizes, SpeechTask
from ensue.tasks.speech_options import SpeechOptions

DICE = np.random.default_rng(0)
TASK = SpeechTask(
    AudioFrontEnd(kind="given", coefficients=3, normalise="none"), Alphabet.of("ab"), SpeechSizes((5,), 0, 1, 1)
)
DATA = Utterances([DICE.normal(size=(steps, 3)).astype(np.float32) for steps in (4, 6, 5)], ("a", "ab b", "ba"))


def objective(said: list[str], steps: int = 10) -> Objective:
    return Objective(DATA, DATA, TASK, SpeechOptions(batch_size=3), said.append, steps)


def test_the_loss_sums_over_all_paths() -> None:
    it = objective([])
    with torch.no_grad():
        log_p, counts = it._answer([DATA.features[0]])
    total = 0.0
    for path in itertools.product(range(4), repeat=4):
        if TASK.alphabet.write(path) == "a" and 3 not in path:
            total += float(np.exp(sum(float(log_p[0, step, each]) for step, each in enumerate(path))))
    assert np.isclose(float(it._cost(log_p, counts, [it.labels[0]])), -np.log(total), atol=1e-4)


def test_padding_changes_no_answer() -> None:
    it = objective([])
    it.module.eval()
    with torch.no_grad():
        together_, counts = it._answer(DATA.features)
        for row, each in enumerate(DATA.features):
            alone, _ = it._answer([each])
            torch.testing.assert_close(together_[row, : counts[row]], alone[0], atol=1e-5, rtol=1e-5)


def test_blanks_only_are_said_once() -> None:
    said: list[str] = []
    it = objective(said)
    with torch.no_grad():
        for name, weight in it.module.named_parameters():
            weight.zero_()
            if name.endswith("bias") and len(weight) == 4:
                weight[0] = 9.0
    it.step = 9
    score, nothing = it.validate()
    it.validate()
    assert score > 1.0 == nothing
    assert [each for each in said if "blanks only" in each] == [
        "Step 10: the network still says blanks only, in which CTC sometimes gets stuck: try a learning rate a third of "
        "this one or three times it, shorter recordings first, more of them, or --steps for longer."
    ]
