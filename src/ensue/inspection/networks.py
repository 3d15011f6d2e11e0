"""A look inside any network that reads a sequence: no front end, no forecast, only what it is shown and what it answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

import ensue
from ensue.data.frequency import POSITION
from ensue.errors import UsageError
from ensue.inspection.ablation import answer_loss
from ensue.inspection.attribution import gradients_or_why_not, shapley
from ensue.inspection.reach import measure_reach
from ensue.inspection.subject import NetworkSubject
from ensue.inspection.trace import Trace
from ensue.inspection.whole import Because, Inspection, Setting, facts_of_layers


def inspect_network(
    subject: NetworkSubject,
    window: int = 0,
    *,
    title: str = "Inside a network",
    labels: ArrayLike | None = None,
    facts: Sequence[tuple[str, str]] = (),
) -> Inspection:
    """Look inside a network while it reads one of its windows; how far back it looks is measured on all of them.

    Args:
        subject: the network, its windows and what it should have answered.
        window: which of them is shown and explained.
        labels: of the window's steps; positions unless given.
        facts: name and value of what a reader of the report should know.

    Raises `UsageError` for a window that is not there.
    """
    if not 0 <= window < len(subject.windows):
        raise UsageError(f"window is {window}, expected 0 to {len(subject.windows) - 1}: one of the subject's windows.")
    shown = subject.windows[window]
    x, anchors = subject.parts(shown[None])
    traced = subject.engine.trace(x, anchors)[2]
    trace = Trace.of(traced, np.arange(len(shown)) if labels is None else labels)
    layers, notes = facts_of_layers(trace, subject.network, subject.weights, answer_loss(subject))
    gradients, why_not = gradients_or_why_not(subject, window)
    explained = f"the answer after {len(shown)} steps"
    sizes = ", ".join(f"{each.name}: {each.units} units" for each in trace.layers)
    own = ("Network", f"{sizes}; {subject.network.parameter_count:,} parameters")
    return Inspection(
        setting=Setting(
            title=title,
            facts=[*facts, own, ("Made with", f"Ensue {ensue.__version__}")],
            target=subject.names[0],
            answer="the answer at the last step",
            frequency=POSITION,
        ),
        trace=trace,
        values=shown[:, 0],
        expected=None,
        forecast=None,
        layers=layers,
        reach=None,
        memory=measure_reach(subject),
        because=Because(explained, None, shapley(subject, window), gradients, subject.names),
        notes=[*notes, *why_not],
    )
