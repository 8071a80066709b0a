"""The step converges: second order below threshold, and rates whose error falls with the step."""

import dataclasses

import numpy as np
import pytest

from chipemu.device import load_device, load_point
from chipemu.stimulus import EventList, regular
from chipemu.validation.testbench import bench, cells, dies, silence


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


def short_pulses(point):
    """The same charge in pulses of 0.2 us, which leave room for short steps."""
    biases = dict(point.biases)
    biases["PULSE_PWLK_P"] *= 100
    biases["PS_WEIGHT_EXC_F_N"] *= 100
    return dataclasses.replace(point, biases=biases)


def end_voltage(device, point, dt, dc, duration=20e-3):
    """Membrane on the way up, a time constant after a current step and an input spike."""
    emulator = bench(cells(device, point, 1, words=6), point, dies(device, point, [0]), dc=[dc], dt=dt)
    recording = emulator.run(EventList(np.array([2e-3]), np.array([0])), duration, ("V_mem",), every=duration)
    return float(recording.V_mem.values[0, 0, -1])


def test_below_threshold_the_step_is_of_second_order(device):
    point = short_pulses(load_point("mismatch-fit", device))
    steps = np.array([1e-4, 5e-5, 2.5e-5, 1.25e-5])  # longer ones are broken into sub-steps here and there
    exact = end_voltage(device, point, 2e-6, 40e-12)
    errors = np.abs([end_voltage(device, point, dt, 40e-12) - exact for dt in steps])
    order = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert 1.7 < order < 2.5
    assert errors[0] < 1e-5  # V at the default step


def first_interval(device, point, dt, dc):
    emulator = bench(cells(device, point, 1), point, dies(device, point, [0]), dc=[dc], dt=dt)
    return np.diff(emulator.run(silence(emulator, 0.2), 0.2).spike_time.values).mean()


@pytest.mark.parametrize("dc", [300e-12, 1e-9])
def test_intervals_converge(device, dc):
    point = short_pulses(load_point("ds-fi", device))
    exact = first_interval(device, point, 6.25e-6, dc)
    errors = [abs(first_interval(device, point, dt, dc) / exact - 1) for dt in (1e-4, 5e-5, 2.5e-5)]
    assert errors[0] < 0.01
    assert errors[0] > 1.8 * errors[1] > 1.8 * 1.8 * errors[2]


def test_rates_do_not_snap_to_the_grid(device):
    # interpolated crossings and fractional dead time: the interval moves with the current, along a line to a twentieth
    # of a step (a neuron that takes sub-steps at one current and not at the next errs by that much)
    point = load_point("ds-fi", device)
    currents = np.linspace(1000e-12, 1010e-12, 11)
    emulator = bench(cells(device, point, 1), point, dies(device, point, [0] * 11), dc=currents)
    recording = emulator.run(silence(emulator, 0.5), 0.5)
    intervals = [np.diff(recording.spike_time.values[recording.spike_run.values == r])[5:].mean() for r in range(11)]
    line = np.polyval(np.polyfit(currents, intervals, 1), currents)
    assert np.ptp(line) > 0.3 * emulator.dt
    assert np.abs(intervals - line).max() < 0.05 * emulator.dt


def test_a_step_too_coarse_for_the_leak_is_reported(device):
    point = load_point("ds-fi", device)
    fast = dataclasses.replace(point, biases={**point.biases, "IF_TAU1_N": 200e-12})
    with pytest.warns(UserWarning, match=r"time step 100 us is 0.28 of the shortest membrane time constant"):
        bench(cells(device, fast, 1), fast, dies(device, fast, [0]))


def test_floats_of_both_sizes_agree(device):
    point = load_point("mismatch-fit", device)
    rates = []
    for precision in ("float64", "float32"):
        emulator = bench(cells(device, point, 1, words=12), point, dies(device, point, [0]), precision=precision)
        recording = emulator.run(regular([[200.0]], 0.5, emulator.dt), 0.5)
        rates.append(recording.spike_time.values)
    np.testing.assert_allclose(rates[0], rates[1], atol=2e-5)


def rates(device, point, dt, currents):
    emulator = bench(cells(device, point, 1), point, dies(device, point, [0] * len(currents)), dc=currents, dt=dt)
    recording = emulator.run(silence(emulator, 1.0), 1.0)
    times = [recording.spike_time.values[recording.spike_run.values == run] for run in range(len(currents))]
    return np.array([(len(t) - 1) / (t[-1] - t[0]) for t in times])


@pytest.mark.parametrize("name", ["output", "controller"])
def test_half_a_millisecond_holds_rates_to_one_percent(device, name):
    # the step of `chipemu learn`, at its points
    point = short_pulses(load_point(name, device))
    currents = np.array([250, 300, 400, 600, 900]) * 1e-12
    exact = rates(device, point, 1e-5, currents)
    assert exact[0] < 20
    assert exact[-1] > 95
    np.testing.assert_allclose(rates(device, point, 5e-4, currents), exact, rtol=0.01)
