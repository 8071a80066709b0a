"""A run has the same bits for any threads, any batch of dies, with and without looking, in one call or in many."""

import dataclasses

import numba
import numpy as np
import pytest

from chipemu.chip import sample_chip
from chipemu.device import load_device, load_point
from chipemu.emulator import Emulator
from chipemu.mapping import map_network
from chipemu.network import Network
from chipemu.stimulus import regular

DIES, NOISE_SEEDS = (1, 2, 3), (0, 7)
DT, DURATION = 1e-4, 0.1
RATES = [100.0, 200.0, 50.0, 400.0]  # whole numbers of steps, so that a train goes on where it stopped


@pytest.fixture(scope="module")
def device():
    device = load_device("dynapse1-plastic")
    device = dataclasses.replace(device, noise=dataclasses.replace(device.noise, event_jitter=50e-6, event_loss=0.01))
    return dataclasses.replace(device, plastic=dataclasses.replace(device.plastic, balance=1.0, step_charge=0.1e-12))


@pytest.fixture(scope="module")
def mapped(device):
    net = Network("recurrent")
    inputs = net.sources("inputs", 4)
    first = net.population("first", 20, point="mismatch-fit")
    second = net.population("second", 5, point="ds-fi")
    net.project(inputs, first, receptor="ampa", words=5)
    net.project(first, first, receptor="nmda", pairs="one")
    net.project(first, second, receptor="ampa", words=2)
    net.project(second, first, receptor="gaba_a", words=1)
    net.project_signed(inputs, first, positive="ampa", negative="gaba_b", name="weights", store="plastic")
    return map_network(net, device)


@pytest.fixture(scope="module")
def points(device):
    points = {name: load_point(name, device) for name in ("mismatch-fit", "ds-fi")}
    dc = {**points["ds-fi"].biases, "IF_DC_P": 300e-12}
    return points | {"ds-fi": dataclasses.replace(points["ds-fi"], biases=dc)}


@pytest.fixture(params=["float32", "float64"])
def build(request, device, mapped, points):
    def build(dies=DIES, noise_seeds=NOISE_SEEDS):
        chips = [sample_chip(device, seed) for seed in dies]
        emulator = Emulator(chips, mapped, noise_seeds=noise_seeds, points=points, precision=request.param)
        emulator.upload({"weights": np.arange(80) % 31 - 15})
        return emulator

    return build


def advance(emulator, duration=DURATION, **options):
    events = regular(np.tile(RATES, (emulator.n_runs, 1)), duration, DT, phase=np.zeros((emulator.n_runs, 4)))
    return emulator.advance(events, duration, learn=np.ones(emulator.n_runs, bool), **options)


def test_the_network_spikes_learns_and_differs_between_runs(build):
    emulator = build()
    count = advance(emulator).count
    assert np.all(count.sum(1) > 20)
    assert len(np.unique(emulator.state, axis=0)) == emulator.n_runs
    assert len(np.unique(emulator.weights()["weights"], axis=0)) == emulator.n_runs


def test_one_and_two_threads(build):
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("needs two threads")
    states = []
    before = numba.get_num_threads()
    for threads in (1, 2):
        numba.set_num_threads(threads)
        try:
            emulator = build()
            advance(emulator)
        finally:
            numba.set_num_threads(before)
        states.append((emulator.state, emulator.weights()["weights"]))
    assert np.array_equal(states[0][0], states[1][0])
    assert np.array_equal(states[0][1], states[1][1])


@pytest.mark.parametrize("die", range(len(DIES)))
def test_a_die_alone_is_the_die_in_a_batch(build, die):
    batch, alone = build(), build(dies=DIES[die : die + 1])
    together, single = advance(batch).count, advance(alone).count
    runs = slice(die * len(NOISE_SEEDS), (die + 1) * len(NOISE_SEEDS))
    assert np.array_equal(together[runs], single)
    assert np.array_equal(batch.state[runs], alone.state)
    assert np.array_equal(batch.weights()["weights"][runs], alone.weights()["weights"])


def test_order_of_dies_does_not_matter(build):
    forth, back = build(), build(dies=DIES[::-1])
    advance(forth), advance(back)
    assert np.array_equal(forth.state.reshape(3, 2, -1), back.state.reshape(3, 2, -1)[::-1])


def test_with_and_without_probes_and_recording(build):
    blind, seen, recorded = build(), build(), build()
    count = advance(blind).count
    events = regular(np.tile(RATES, (seen.n_runs, 1)), DURATION, DT, phase=np.zeros((seen.n_runs, 4)))
    seen.run(events, DURATION, ("V_mem", "I_in", "I_nmda"), every=5e-4, learn=np.ones(seen.n_runs, bool))
    window = advance(recorded, record=True)
    assert np.array_equal(blind.state, seen.state)
    assert np.array_equal(blind.state, recorded.state)
    assert np.array_equal(count, window.count)
    assert len(window.step) == count.sum()


@pytest.mark.parametrize("parts", [(0.04, 0.06), (0.02, 0.02, 0.06)])
def test_a_run_goes_on_where_it_stopped(build, parts):
    whole, pieces = build(), build()
    count = advance(whole).count
    assert np.array_equal(count, sum(advance(pieces, part).count for part in parts))
    assert np.array_equal(whole.state, pieces.state)
    assert np.array_equal(whole.weights()["weights"], pieces.weights()["weights"])


def test_noise_goes_on_at_odd_steps(build):
    # without input any cut is aligned; noise is drawn for two steps at once
    whole, pieces = build(), build()
    silent = np.zeros((whole.n_runs, 4))
    whole.advance(regular(silent, 0.0101, DT), 0.0101)
    for part in (0.0033, 0.0001, 0.0067):
        pieces.advance(regular(silent, part, DT), part)
    assert np.array_equal(whole.state, pieces.state)


def test_a_die_that_rests_is_not_disturbed_by_the_others(build):
    alone, batch = build(dies=DIES[:1]), build()
    active = np.repeat([True, False, False], 2)
    before = batch.state[2:].copy()
    advance(alone), advance(batch, active=active)
    assert np.array_equal(batch.state[:2], alone.state)
    assert np.array_equal(batch.state[2:], before)
    assert list(batch.step) == [1000, 1000, 0, 0, 0, 0]
