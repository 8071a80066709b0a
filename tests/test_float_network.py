"""The float spiking network: its rates, its gradient, its connections, and what virtual dies do to its weights."""

from dataclasses import replace

import numpy as np
import pytest

from chipemu.float_network import FloatNetwork, FloatNeuron, backward, forward, regular_spikes
from chipemu.float_training import Recipe, accuracy_float, train_float
from chipemu.masked_network import cross_entropy
from chipemu.tasks import load_task
from chipemu.virtual_die import Spread, draw

NEURON = FloatNeuron(tau=25e-3, rheobase=216e-12, dead_time=3.2e-3, tau_syn=30e-3, step_current=30e-12, dc=190e-12)
FINE = replace(NEURON, step_current=8e-12, dc=230e-12)


def network_of(sees, reads, n_classes, **changes):
    return FloatNetwork(np.asarray(sees, bool), np.asarray(reads, bool), n_classes, NEURON, FINE, **changes)


def loss_and_run(network, codes, die=None):
    rng = np.random.default_rng(3)
    spikes = regular_spikes(np.array([[60.0, 20.0, 90.0], [30.0, 80.0, 40.0]]), 0.12, network.dt, rng)
    done = forward(network, codes, spikes, rng, *([die] if die else []))
    loss, error = cross_entropy(done.counts, np.array([0, 1]))
    return loss, done, error


def test_gradient_is_that_of_finite_differences_where_spikes_are_graded():
    rng = np.random.default_rng(0)
    network = network_of(rng.random((4, 3)) < 0.8, rng.random((4, 4)) < 0.8, 2, settle=0.02, count=0.1, smooth=True)
    codes = tuple(rng.uniform(-9, 9, mask.shape) * mask for mask in network.masks)
    die = tuple(draw(Spread(0.2, 0.2, 0.2, 0.1), mask.shape, 2, rng) for mask in network.masks)
    _, done, error = loss_and_run(network, codes, die)
    slopes = backward(network, codes, done, error)
    h = 0.05
    for layer, mask in enumerate(network.masks):
        for place in zip(*np.nonzero(mask), strict=True):
            ends = []
            for side in (-h, h):
                moved = [w.copy() for w in codes]
                moved[layer][place] += side
                ends.append(loss_and_run(network, tuple(moved), die)[0])
            scale = np.abs(slopes[layer]).max()
            # single precision, and the bend of the loss over 2 h
            assert slopes[layer][place] == pytest.approx((ends[1] - ends[0]) / (2 * h), rel=0.03, abs=0.01 * scale)


def test_slope_of_cross_entropy_is_that_of_finite_differences():
    rng = np.random.default_rng(1)
    score, labels, h = rng.normal(size=(3, 4)), np.array([0, 3, 3]), 1e-6
    _, slope = cross_entropy(score, labels)
    for place in np.ndindex(score.shape):
        step = np.zeros_like(score)
        step[place] = h
        rise = (cross_entropy(score + step, labels)[0] - cross_entropy(score - step, labels)[0]) / (2 * h)
        assert slope[place] == pytest.approx(rise, abs=1e-6)


@pytest.mark.parametrize("dt", [5e-4, 1e-3, 2e-3])
def test_rate_under_a_constant_current_is_the_closed_form_at_any_step(dt):
    for current in (250e-12, 320e-12, 600e-12):
        neuron = replace(NEURON, dc=current)
        network = FloatNetwork(np.ones((40, 1), bool), np.zeros((1, 40), bool), 1, neuron, FINE, settle=0.1, dt=dt)
        none = np.zeros((round(2.1 / dt), 1, 1), np.float32)
        codes = np.zeros((40, 1)), np.zeros((1, 40))
        done = forward(network, codes, none, np.random.default_rng(0))
        rate = done.layers[0].spikes[round(0.1 / dt) :].sum(0).mean() / 2.0
        assert rate == pytest.approx(float(neuron.rate(current)), rel=0.04)


def test_adaptation_is_a_leak_that_grows_with_the_rate():
    adaptation, ratio = 0.07, 1.5
    neuron = replace(NEURON, dc=ratio * NEURON.rheobase, adaptation=adaptation, tau_adaptation=50e-3)
    network = FloatNetwork(np.ones((40, 1), bool), np.zeros((1, 40), bool), 1, neuron, FINE)
    codes, none = (np.zeros((40, 1)), np.zeros((1, 40))), np.zeros((2500, 1, 1), np.float32)
    done = forward(network, codes, none, np.random.default_rng(0))
    rate = done.layers[0].spikes[500:].sum(0).mean() / 2.0
    leak = 1 + adaptation * rate * 50e-3
    period = neuron.dead_time + neuron.tau / leak * np.log(ratio / (ratio - leak))
    assert rate == pytest.approx(1 / period, rel=0.04)
    assert rate < 0.95 * neuron.rate(neuron.dc)


def test_a_layer_of_a_virtual_die_is_the_nominal_one_where_nothing_spreads():
    rng = np.random.default_rng(2)
    network = network_of(np.ones((4, 3)), np.ones((4, 4)), 2)
    codes = rng.integers(-9, 10, (4, 3)).astype(float), rng.integers(-9, 10, (4, 4)).astype(float)
    same = tuple(draw(Spread(), w.shape, 2, rng) for w in codes)
    assert loss_and_run(network, codes, same)[0] == loss_and_run(network, codes)[0]
    wide = draw(Spread(charge=0.13), (500, 2), 10, rng)
    assert np.log(wide.positive).std() == pytest.approx(0.13, rel=0.05)
    assert abs(np.corrcoef(np.log(wide.positive).ravel(), np.log(wide.negative).ravel())[0, 1]) < 0.05


def small_yinyang():
    """`yinyang` with 30 hidden neurons and short training."""
    task, rng = load_task("yinyang").with_trains(4), np.random.default_rng(0)
    hidden = replace(NEURON, dc=100e-12)
    reads = rng.random((30, 30)).argsort(1) < 15
    network = FloatNetwork(task.receptive_fields(30), reads, 3, hidden, FINE, count=0.1, dt=2e-3)
    first = rng.integers(-8, 9, network.sees.shape) * network.sees, np.zeros(reads.shape)
    return task, network, first


def test_training_leaves_whole_codes_in_range_and_only_where_synapses_are():
    task, network, first = small_yinyang()
    network = replace(network, sees=network.sees & (np.arange(20) % 3 > 0))
    codes = train_float(
        network, task, (first[0] * network.sees, first[1]), 6, recipe=Recipe(epochs=1, step=(1.0, 1.0)), seed=1
    )
    for w, mask in zip(codes, network.masks, strict=True):
        assert not w[~mask].any()
        assert w[mask].any()
        assert np.array_equal(w, np.rint(w))
        assert np.abs(w).max() <= 6


def test_training_separates_what_a_linear_read_out_cannot_and_repeats():
    task, network, first = small_yinyang()
    codes = train_float(network, task, first, 15, recipe=Recipe(epochs=1))
    again = train_float(network, task, first, 15, recipe=Recipe(epochs=1))
    assert all(np.array_equal(*pair) for pair in zip(codes, again, strict=True))
    # Kriener et al. 2022, arXiv:2102.08211: 64.3 % without a hidden layer
    assert accuracy_float(network, task, codes, "validation") > 0.7


@pytest.mark.slow
def test_weights_of_virtual_dies_are_more_robust_at_twice_the_spread():
    task, network, first = small_yinyang()
    spread = (Spread(0.18, 0.145, 0.156, 0.03).times(2),) * 2
    plain = train_float(network, task, first, 15, recipe=Recipe(epochs=4))
    robust = train_float(network, task, first, 15, spread=spread, recipe=Recipe(epochs=4))
    on_dies = [
        np.mean([accuracy_float(network, task, codes, "validation", spread=spread, seed=s) for s in range(5)])
        for codes in (plain, robust)
    ]
    assert on_dies[1] > on_dies[0] + 0.03
    assert accuracy_float(network, task, plain, "validation") > on_dies[0]
