"""darts' RNNModel, an LSTM of 2 x 40 units, 500 steps: point forecasts fed back step by step."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np
import torch
from darts import TimeSeries
from darts.dataprocessing.transformers import Scaler
from darts.models import RNNModel
from protocol import STEPS, Array, Contender, filled, run

torch.set_num_threads(1)
warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)

# The library has no default input length: a week where there are hours, else what the shortest series allow.
INPUTS = {"m4_weekly": 52, "m4_hourly": 168, "nn5_daily": 112, "ETTh1": 168, "vic_elec": 336, "pjm_hourly": 168}


class DartsLSTM(Contender):
    """Series scaled to 0..1 by their training part, as the library's guides do; mean squared error."""

    library = "darts"
    packages = ("darts", "torch")

    def settings(self) -> dict[str, Any]:
        length = INPUTS[self.data.name]
        chosen = {"model": "LSTM", "hidden_dim": 40, "n_rnn_layers": 2, "input_chunk_length": length}
        return chosen | {"training_length": length + self.data.horizon, "gaps": "filled by the last value"}

    def prepare(self, histories: dict[str, Array]) -> list[TimeSeries]:
        return [TimeSeries.from_values(filled(y).astype(np.float32)) for y in histories.values()]

    def fit(self, prepared: list[TimeSeries]) -> None:
        self.scaler = Scaler()
        scaled = self.scaler.fit_transform(prepared)
        chosen = self.settings()
        chosen.pop("gaps")
        trainer = {"accelerator": "cpu", "max_steps": STEPS, "enable_progress_bar": False, "logger": False}
        trainer |= {"enable_model_summary": False, "enable_checkpointing": False}
        # 500 steps may be a fraction of an epoch or many of them: the trainer's max_steps ends it.
        self.model = RNNModel(**chosen, n_epochs=STEPS, random_state=self.seed, pl_trainer_kwargs=trainer)
        self.model.fit(scaled)

    def inputs(self, histories: dict[str, Array]) -> tuple[list[str], list[TimeSeries]]:
        return list(histories), self.prepare(histories)

    def predict(self, inputs: tuple[list[str], list[TimeSeries]]) -> dict[str, TimeSeries]:
        names, series = inputs
        predicted = self.model.predict(self.data.horizon, series=self.scaler.transform(series), show_warnings=False)
        return dict(zip(names, self.scaler.inverse_transform(predicted), strict=True))

    def read(self, predicted: dict[str, TimeSeries]) -> dict[str, dict[str, Array]]:
        return {name: {"mean": each.values()[:, 0]} for name, each in predicted.items()}


if __name__ == "__main__":
    run(DartsLSTM)
