"""Attributions add up, agree with what is known, change with the weights, and name the steps whose loss hurts."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_models import Weighted, known_lag

from ensue.errors import UsageError
from ensue.inspection.attribution import (
    agreement,
    exact_shapley,
    integrated_gradients,
    lag_buckets,
    shapley,
)
from ensue.inspection.reading import untrained_weights
from ensue.inspection.subject import NetworkSubject
from ensue.network import (
    LSTM,
    Convolution,
    EmbedColumns,
    Layer,
    Linear,
    Network,
    Pooling,
    Residual,
    SoftmaxHead,
)

NETWORK = Network((LSTM(2, 5), Linear(5, 1)))


def random_subject(seed: int = 0, windows: int = 6, time: int = 9) -> NetworkSubject:
    random = np.random.default_rng(seed)
    weights = {name: random.normal(size=shape) for name, shape in NETWORK.parameters().items()}
    return NetworkSubject(NETWORK, weights, random.normal(size=(windows, time, 2)))


@given(st.lists(st.floats(-10, 10), min_size=8, max_size=8))
def test_shapley_values_are_the_mean_over_all_orders_of_joining(worth: list[float]) -> None:
    values = np.array(worth)
    expected = np.zeros(3)
    for order in permutations(range(3)):
        coalition = 0
        for player in order:
            expected[player] += (values[coalition | 1 << player] - values[coalition]) / 6
            coalition |= 1 << player
    np.testing.assert_allclose(exact_shapley(values), expected, atol=1e-9)


def test_the_parts_add_up_to_the_difference_that_the_window_makes() -> None:
    subject = random_subject()
    found = shapley(subject, 2)
    assert found.parts.sum() == pytest.approx(found.answer - found.without, abs=1e-6)
    assert found.answer == pytest.approx(float(subject.answers(subject.windows[2:3], np.array([2]))[0]), abs=1e-6)
    others = [window for window in range(6) if window != 2]
    assert found.without == pytest.approx(
        float(subject.answers(subject.windows[others], np.array(others)).mean()), abs=1e-6
    )


def test_every_coalition_is_read_as_if_it_were_alone() -> None:
    """Reading what coalitions have in common once changes nothing: with one other window, a sum's parts are known."""
    subject = Weighted([3.0, -1.0, 0.5, 2.0, 1.0], windows=2)
    found = shapley(subject, 0)
    difference = (subject.windows[0, :, 0] - subject.windows[1, :, 0]) * subject.weights
    by_lag = difference[::-1]
    expected = [by_lag[first - 1 : last].sum() for first, last in found.buckets]
    np.testing.assert_allclose(found.parts, expected, atol=1e-12)


def test_buckets_may_leave_the_oldest_lags_out() -> None:
    subject = Weighted([1.0, 1.0, 1.0, 1.0], windows=2)
    found = shapley(subject, 0, buckets=[(1, 1), (2, 3)])
    old = subject.windows[0, 0, 0]  # lag 4 belongs to nobody: it stays
    assert found.without == pytest.approx(old + subject.windows[1, 1:, 0].sum())


def test_integrated_gradients_are_complete() -> None:
    found = integrated_gradients(random_subject(), 1)
    assert found.parts.shape == (9, 2)
    assert found.completeness_error < 0.02
    assert found.by_lag([(0, 3), (4, 8)]).sum() == pytest.approx(found.parts.sum())


def test_both_name_the_lag_that_the_answer_depends_on() -> None:
    subject = known_lag(20)
    exact, gradients = shapley(subject, 0), integrated_gradients(subject, 0)
    right = next(number for number, (first, last) in enumerate(exact.buckets) if first <= 20 <= last)
    assert int(np.abs(exact.parts).argmax()) == right
    assert int(np.abs(gradients.by_lag(exact.buckets)).argmax()) == right
    assert agreement(exact.parts, gradients.by_lag(exact.buckets)) > 0.8


def test_attributions_change_when_the_weights_are_randomised() -> None:
    trained = known_lag(20)
    random = NetworkSubject(trained.network, untrained_weights(trained.network), trained.windows, trained.targets)
    for window in range(3):
        parts, other = shapley(trained, window).parts, shapley(random, window).parts
        assert agreement(parts, other) < 0.5
        parts, other = (integrated_gradients(each, window).parts.ravel() for each in (trained, random))
        assert agreement(parts, other) < 0.5


def test_losing_the_most_influential_steps_hurts_more_than_losing_random_ones() -> None:
    subject = known_lag(20)
    generator = np.random.default_rng(0)
    mean = subject.windows.mean(axis=(0, 1))
    named, random = [], []
    for window in range(12):
        found = integrated_gradients(subject, window)
        size = np.abs(found.parts).sum(axis=1)
        steps = np.argsort(-size)[:3]
        for chosen, moved in ((steps, named), (generator.choice(len(size), 3, replace=False), random)):
            changed = subject.windows[window].copy()
            changed[chosen] = mean
            moved.append(abs(float(subject.answers(changed[None], np.array([window]))[0]) - found.answer))
    assert np.mean(named) > 3 * np.mean(random)


@given(st.integers(0, 3), st.integers(0, 3000), st.integers(2, 10))
def test_buckets_cover_every_lag_and_are_at_most_so_many(first: int, more: int, most: int) -> None:
    buckets = lag_buckets(first, first + more, most)
    assert len(buckets) <= most
    assert buckets[0][0] == first
    assert buckets[-1][1] == first + more
    assert all(before[1] + 1 == after[0] for before, after in zip(buckets, buckets[1:], strict=False))


def test_more_than_ten_buckets_are_refused() -> None:
    buckets = [(lag, lag) for lag in range(11)]
    sentence = "There are 11 buckets of lags, expected 1 to 10: every one of their coalitions is asked."
    with pytest.raises(UsageError) as error:
        shapley(random_subject(time=20), 0, buckets)
    assert str(error.value) == sentence


def test_without_another_window_there_is_nothing_to_compare_with() -> None:
    with pytest.raises(UsageError, match=r"^There is 1 window, expected 2 or more to compare one with another.$"):
        shapley(random_subject(windows=1), 0)


def test_agreement_counts_signs_and_ignores_size() -> None:
    one = np.array([1.0, -2.0, 0.0, 1.0])
    assert agreement(one, 5 * one) == pytest.approx(1.0)
    assert agreement(one, -one) == 0.0
    assert np.isnan(agreement(one, np.zeros(4)))


@pytest.mark.parametrize(
    "layers",
    [
        (LSTM(2, 4, bidirectional=True), Linear(8, 1)),
        (LSTM(2, 4), Pooling("mean"), Linear(4, 1)),
        (Convolution(2, 4, 3, causal=False), LSTM(4, 4), Linear(4, 1)),
        (Convolution(2, 4, 2, stride=2, causal=True), LSTM(4, 4), Linear(4, 1)),
    ],
)
def test_networks_that_cannot_be_read_a_step_at_a_time_are_refused(layers: tuple[Layer, ...]) -> None:
    network = Network(layers)
    with pytest.raises(UsageError) as error:
        NetworkSubject(network, untrained_weights(network), np.ones((3, 8, 2)))
    assert str(error.value) == (
        "The network pools, strides or looks ahead, and reach is measured step by step: expected a causal network "
        "with an answer at every step."
    )


@pytest.mark.parametrize(
    "layers",
    [
        (LSTM(2, 4, layers=2, layer_norm=True), Linear(4, 1)),
        (Convolution(2, 4, 3, causal=True), Residual((LSTM(4, 4),)), Linear(4, 1)),
        (Linear(2, 4), LSTM(4, 4), SoftmaxHead(4, 3)),
    ],
)
def test_the_explained_answer_is_the_networks_own(layers: tuple[Layer, ...]) -> None:
    network = Network(layers)
    subject = NetworkSubject(network, untrained_weights(network, 3), np.random.default_rng(0).normal(size=(5, 9, 2)))
    own = subject.answers(subject.windows, subject.all())
    for window in (0, 4):
        assert shapley(subject, window).answer == pytest.approx(own[window], abs=1e-6)
    assert integrated_gradients(subject, 1).completeness_error < 0.05


def test_of_classes_the_answer_is_a_probability_and_the_loss_its_logarithm() -> None:
    network = Network((LSTM(2, 4), SoftmaxHead(4, 3)))
    windows = np.random.default_rng(0).normal(size=(5, 9, 2))
    subject = NetworkSubject(network, untrained_weights(network), windows, np.array([1.0, 0, 0, 1, np.nan]), output=2)
    answers = subject.answers(windows, subject.all())
    assert ((answers > 0) & (answers < 1)).all()
    losses = subject.losses(answers, subject.all())
    assert losses[0] == pytest.approx(-np.log(answers[0]))
    assert losses[1] == pytest.approx(-np.log(1 - answers[1]))
    assert np.isnan(losses[4])


def test_codes_of_categories_get_no_part_of_a_gradient() -> None:
    network = Network((EmbedColumns(2, ((1, 5, 3),)), LSTM(4, 4), Linear(4, 1)))
    random = np.random.default_rng(0)
    windows = np.stack([random.normal(size=(6, 9)), random.integers(0, 6, (6, 9)).astype(float)], axis=2)
    found = integrated_gradients(NetworkSubject(network, untrained_weights(network), windows), 2)
    assert not found.parts[:, 1].any()
    assert found.completeness_error < 0.02
