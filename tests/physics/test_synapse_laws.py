"""Laws of the DPI synapse: conservation of charge, pure exponential decay, and the two limits of its gain."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chipemu.device import load_device, load_point
from chipemu.kernels.dpi import charge
from chipemu.network import RECEPTORS
from chipemu.stimulus import EventList
from chipemu.validation.synapse import decay_error, time_constant
from chipemu.validation.testbench import bench, cells, dies, one_event

current = st.floats(1, 1e4).map(np.float64)  # pA, from the leakage floor
gain = st.floats(0.5, 1e3).map(np.float64)
pulse = st.floats(1e-3, 1e5).map(np.float64)


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


@pytest.fixture(scope="module")
def point(device):
    return load_point("mismatch-fit", device)


@given(current, gain, pulse)
def test_what_goes_in_is_what_is_stored(before, i_gain, linear):
    # (1 + I_gain / I) dI integrated: the charge on the capacitor, in units of current
    after = charge(before, i_gain, linear)
    stored = after - before + i_gain * np.log(after / before)
    # the difference of two large currents keeps only their rounding
    assert stored == pytest.approx(linear, rel=1e-9, abs=8 * np.finfo(float).eps * after)


@given(current, gain, pulse, pulse)
def test_two_pulses_are_one_of_their_sum(before, i_gain, first, second):
    # without leak between them, so the order and the grouping of coincident words do not matter
    together = charge(before, i_gain, first + second)
    assert charge(charge(before, i_gain, first), i_gain, second) == pytest.approx(together, rel=1e-9)


@given(current, gain, pulse)
def test_more_charge_gives_more_current(before, i_gain, linear):
    assert before < charge(before, i_gain, linear) < charge(before, i_gain, 2 * linear)


def test_no_pulse_changes_nothing():
    assert charge(np.float64(3), np.float64(20), np.float64(0)) == 3


def test_far_above_its_gain_the_synapse_is_linear():
    assert charge(np.float64(1e6), np.float64(1), np.float64(500)) - 1e6 == pytest.approx(500, rel=1e-5)


def test_far_below_its_gain_the_synapse_starts_exponentially():
    assert charge(np.float64(1e-4), np.float64(1e3), np.float64(2e3)) == pytest.approx(1e-4 * np.exp(2), rel=1e-5)


@pytest.mark.parametrize("linear", [0.01, 1.0, 30.0, 1e3, 6e4])
def test_float32_agrees_with_float64(linear):
    got = charge(np.float32(1), np.float32(29), np.float32(linear))
    assert got == pytest.approx(charge(np.float64(1), np.float64(29), np.float64(linear)), rel=2e-6)


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_between_pulses_the_current_decays_as_an_exponential(device, point, precision, tolerance):
    assert decay_error(device, point, precision) < tolerance


def test_decay_does_not_depend_on_the_gain(device, point):
    large = dataclasses.replace(point, biases={**point.biases, "NPDPIE_THR_F_P": 100e-12})
    assert decay_error(device, large, "float64") < 1e-12


def synaptic_current(device, point, events, receptor="ampa", duration=0.02, words=20):
    emulator = bench(cells(device, point, 1, receptor=receptor, words=words), point, dies(device, point, [0]))
    return emulator.run(events, duration, (f"I_{receptor}",))[f"I_{receptor}"].values[0, 0]


@pytest.mark.parametrize("receptor", RECEPTORS)
def test_the_charge_of_an_epsc_is_its_jump_times_tau(device, point, receptor):
    trace = synaptic_current(device, point, one_event(0.0), receptor)
    dt, tau = 1e-4, time_constant(device, point, receptor)
    # sampled after each step; the decay factor over a step leads back to the jump at its start
    whole = trace.sum() * dt + trace[-1] * (tau - dt / 2)
    first = trace[0] * np.exp(dt / tau)
    assert whole == pytest.approx(first * tau * (dt / tau) / np.expm1(dt / tau), rel=1e-2)


def test_coincident_events_are_parallel_words(device, point):
    two = synaptic_current(device, point, EventList(np.array([1e-3, 1e-3]), np.array([0, 0])))
    doubled = synaptic_current(device, point, one_event(1e-3), words=40)
    assert np.array_equal(two, doubled)


def test_an_event_acts_from_its_own_step_on(device, point):
    trace = synaptic_current(device, point, one_event(1e-3), duration=2e-3)
    assert np.all(trace[:10] == 1e-12)
    assert trace[10] > 100e-12


def test_the_leakage_floor_is_never_crossed(device, point):
    trace = synaptic_current(device, point, one_event(0.0), duration=0.2)
    assert trace.min() == pytest.approx(1e-12, rel=1e-12)


@given(words=st.integers(1, 60))
def test_receptors_are_the_same_circuit(words):
    # with equal biases the four synapses cannot be told apart
    device = load_device("dynapse1")
    point = load_point("mismatch-fit", device)
    names = {bias.parameter: name for name, bias in device.biases.items()}
    equal = {
        names[f"I_{kind}_{r}"]: point.biases[names[f"I_{kind}_ampa"]]
        for kind in ("tau", "gain", "w")
        for r in RECEPTORS
    }
    same = dataclasses.replace(point, biases={**point.biases, **equal})
    traces = [synaptic_current(device, same, one_event(0.0), receptor, 2e-3, words) for receptor in RECEPTORS]
    assert all(np.array_equal(traces[0], trace) for trace in traces[1:])
