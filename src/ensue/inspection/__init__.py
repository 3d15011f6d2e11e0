"""Seeing inside: what the gates decided, what the memory holds and since when, and how far back it really reaches.

`Forecaster.trace` and `Forecaster.inspect` are the short way here. Any other network is looked into with

    subject = ensue.inspection.NetworkSubject(network, weights, windows, targets)
    print(ensue.inspection.inspect_network(subject))

Mathematics on what an LSTM computed: `trace` (every gate under its step's label), `ledger` (what the cell holds and when
it was written), `time_scales`, `units`, `probe` and `moments`. Measurements on a whole model: `reach` and `attribution`,
which ask a `subject`. `page` draws what is found.
"""

from __future__ import annotations

from ensue.inspection.networks import inspect_network
from ensue.inspection.reach import Reach, measure_reach
from ensue.inspection.subject import NetworkSubject, Subject
from ensue.inspection.trace import Trace
from ensue.inspection.whole import Inspection

__all__ = ["Inspection", "NetworkSubject", "Reach", "Subject", "Trace", "inspect_network", "measure_reach"]
