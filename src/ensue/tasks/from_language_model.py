"""A classifier that begins as a language model: its tokens, its embedding, its LSTM layers (Howard & Ruder 2018).

Where the classifier reads in both directions, the forward direction begins as the language model's and the reverse as
any other; what a layer hears from the reverse direction of the one below begins with weights of zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensue.network import LSTM, Network
from ensue.tasks.classification import ClassificationTask
from ensue.tasks.classification_options import ClassificationOptions
from ensue.tasks.language_model import LanguageModelTask

Weights = dict[str, NDArray[Any]]


def begin_from(
    before: LanguageModelTask,
    weights: Mapping[str, NDArray[Any]],
    options: ClassificationOptions,
    classes: tuple[str, ...],
) -> tuple[ClassificationTask, Weights]:
    """The task of a classifier with the sizes of a language model, and those weights that it takes over.

    Of the LSTM layers in both directions the input weights are whole, those from the reverse direction zero; so a layer
    of which part is taken over begins with all of it.
    """
    network = before.networks()["network"]
    there = _lstms(network)
    hidden = tuple(layer.hidden_size for _, layer in there)
    sizes = replace(options.sizes(reads_text=True), hidden=hidden, embedding=before.sizes.embedding)
    task = ClassificationTask(before.front_end, classes, sizes, longest=options.longest_text)
    taken = {"layers.0.weight": np.array(weights["layers.0.weight"])}
    for (here, own), (place, _) in zip(_lstms(task.networks()["network"]), there, strict=True):
        for name, shape in own.parameters().items():
            if not name.endswith("_reverse"):
                taken[f"layers.{here}.{name}"] = _widened(weights[f"layers.{place}.{name}"], shape)
    return task, taken


def _lstms(network: Network) -> list[tuple[int, LSTM]]:
    return [(place, layer) for place, layer in enumerate(network.layers) if isinstance(layer, LSTM)]


def _widened(weight: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The weight with columns of zeros beside it, up to a shape."""
    filled = np.zeros(shape, np.float32)
    filled[tuple(slice(each) for each in weight.shape)] = weight
    return filled
