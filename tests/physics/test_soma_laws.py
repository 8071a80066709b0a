"""Laws of the soma: fixed points, straight decay, thresholds and saturation, and what each receptor does to it."""

import dataclasses

import numpy as np
import pytest

from chipemu.device import load_device, load_point
from chipemu.mapping import map_network
from chipemu.network import RECEPTORS, Network
from chipemu.validation.soma import firing_rates
from chipemu.validation.testbench import bench, cells, dies, holding_current, one_event, parameters, set_dc, silence


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


@pytest.fixture(scope="module")
def fi(device):
    return load_point("ds-fi", device)


@pytest.fixture(scope="module")
def quiet(device):
    """Positive feedback off."""
    return load_point("ds-fi-no-feedback", device)


@pytest.fixture(scope="module")
def fit(device):
    return load_point("mismatch-fit", device)


def with_biases(device, point, **currents):
    names = {bias.parameter: name for name, bias in device.biases.items()}
    return dataclasses.replace(point, biases={**point.biases, **{names[p]: value for p, value in currents.items()}})


def settled(device, point, dc, duration=0.5, n=1):
    emulator = bench(cells(device, point, n), point, dies(device, point, [0] * len(dc)), dc=dc)
    emulator.advance(silence(emulator, duration), duration)
    return emulator


def probe(emulator, duration, name="V_mem", events=None):
    recording = emulator.run(events or silence(emulator, duration), duration, (name,))
    return recording[name].values, recording


def test_without_input_the_membrane_rests_at_the_floor(device, fi):
    voltage, recording = probe(settled(device, fi, [0.0]), 0.1)
    assert np.all(voltage == 0)
    assert recording.sizes["spike"] == 0


@pytest.mark.parametrize("factor", [0.3, 0.6, 0.9])
def test_constant_current_holds_the_fixed_point(device, quiet, factor):
    # I_in I_gain / (I_gain + x) = I_tau
    value = parameters(device, quiet)
    dc = factor * value["I_tau"] * (1 + value["I_spkthr"] / value["I_gain"])
    held, _ = probe(settled(device, quiet, [dc], 1.0), 1e-3, "I_mem")
    assert held[0, 0, -1] == pytest.approx(value["I_gain"] * (dc / value["I_tau"] - 1), rel=1e-6)


def test_voltage_falls_as_a_straight_line(device, quiet):
    # dV/dt = -I_tau / C far above the gain; measured records are straight to 2 mV rms (arXiv:2409.14918)
    emulator = settled(device, quiet, [450e-12], 1.0)
    set_dc(emulator, [0.0])
    voltage, recording = probe(emulator, 20e-3)
    line = np.polyfit(recording.time.values, voltage[0, 0], 1)
    assert line[0] == pytest.approx(-5e-12 / 2e-12, rel=0.02)
    assert np.std(voltage[0, 0] - np.polyval(line, recording.time.values)) < 2e-3


def test_slope_in_volts_does_not_depend_on_temperature(device, quiet):
    slopes = []
    for kelvin in (273.15, 323.15):
        emulator = settled(device, dataclasses.replace(quiet, temperature=kelvin), [450e-12], 1.0)
        set_dc(emulator, [0.0])
        voltage, recording = probe(emulator, 5e-3)
        slopes.append(np.polyfit(recording.time.values, voltage[0, 0], 1)[0])
    assert slopes[0] == pytest.approx(slopes[1], rel=2e-3)


@pytest.mark.parametrize("name", ["ds-fi", "ds-fi-no-feedback"])
def test_firing_rises_with_current_and_saturates_at_the_dead_time(device, name):
    point = load_point(name, device)
    currents = np.geomspace(50e-12, 1e-6, 24)
    rates = firing_rates(device, point, currents)
    assert rates[0] == 0
    assert np.all(np.diff(rates) >= 0)
    assert 198 <= rates[-1] <= 200  # t_ref 5 ms


def test_positive_feedback_only_helps(device, fi, quiet):
    currents = np.linspace(100e-12, 3e-9, 12)
    assert np.all(firing_rates(device, fi, currents) >= firing_rates(device, quiet, currents))


def test_dead_time_is_v_c_over_i(device, fi):
    for i_ref in (150e-12, 600e-12):
        point = with_biases(device, fi, I_ref=i_ref)
        emulator = settled(device, point, [10e-6])  # charges the membrane in a microsecond
        recording = emulator.run(silence(emulator, 0.1), 0.1)
        expected = 0.7 * 1.5e-12 / i_ref
        assert np.diff(recording.spike_time.values).mean() == pytest.approx(expected, rel=1e-2)


def test_membrane_is_held_at_reset_while_refractory(device, fi):
    emulator = settled(device, fi, [100e-9])
    current, recording = probe(emulator, 20e-3, "I_mem")
    step = int(recording.spike_time.values[0] / emulator.dt)
    assert np.all(current[0, 0, step + 1 : step + 48] == pytest.approx(1.2e-12, rel=1e-12))


def epsp(device, point, receptor, dc, words=10):
    emulator = bench(cells(device, point, 1, receptor=receptor, words=words), point, dies(device, point, [0]), dc=[dc])
    emulator.advance(silence(emulator, 0.5), 0.5)
    voltage, recording = probe(emulator, 0.05, "V_mem", one_event(1e-3))
    assert recording.sizes["spike"] == 0
    return voltage[0, 0] - voltage[0, 0, 0]


def equal_receptors(device, point):
    biases = {}
    for kind in ("tau", "gain", "w"):
        (value,) = (point.biases[name] for name, bias in device.biases.items() if bias.parameter == f"I_{kind}_ampa")
        biases |= {f"I_{kind}_{receptor}": value for receptor in RECEPTORS}
    return with_biases(device, point, **biases)


def test_excitation_lifts_and_inhibition_lowers_the_membrane(device, fit):
    dc = holding_current(device, fit, 100e-12)
    for receptor, sign in (("ampa", 1), ("nmda", 1), ("gaba_a", -1), ("gaba_b", -1)):
        response = epsp(device, fit, receptor, dc, words=1)
        assert sign * response[np.argmax(np.abs(response))] > 1e-3


def test_nmda_with_its_gate_off_is_ampa(device, fit):
    same = with_biases(device, equal_receptors(device, fit), I_nmda_thr=0.0)
    assert epsp(device, same, "nmda", 20e-12, 2) == pytest.approx(epsp(device, same, "ampa", 20e-12, 2), rel=1e-9)


def test_nmda_gate_scales_with_the_membrane(device, fit):
    # I_nmda I_mem / (I_mem + I_thr): closed while I_mem is far below the threshold of the gate
    gated = with_biases(device, equal_receptors(device, fit), I_nmda_thr=1e-9)
    closed = epsp(device, gated, "nmda", 0.0).max() / epsp(device, gated, "ampa", 0.0).max()
    partly = epsp(device, gated, "nmda", holding_current(device, fit, 300e-12), 1).max()
    fully = epsp(device, gated, "ampa", holding_current(device, fit, 300e-12), 1).max()
    assert closed < 0.02
    assert 0.1 < partly / fully < 0.6


def test_equal_ampa_and_gaba_b_cancel(device, fit):
    same, net = equal_receptors(device, fit), Network("balance")
    source, population = net.sources("input", 1), net.population("cells", 1, point=same.name)
    for receptor in ("ampa", "gaba_b"):
        net.project(source, population, receptor=receptor, words=12)
    dc = holding_current(device, same, 100e-12)
    emulator = bench(map_network(net, device), same, dies(device, same, [0]), dc=[dc])
    emulator.advance(silence(emulator, 1.0), 1.0)
    voltage, _ = probe(emulator, 0.05, "V_mem", one_event(1e-3))
    assert np.ptp(voltage) < 1e-9


def test_shunt_acts_past_the_gain_and_subtraction_before_it(device, fit):
    # at I_mem >> I_gain the input counts by I_gain / (I_gain + I_mem); the shunt counts whole
    same = equal_receptors(device, fit)
    dc = holding_current(device, same, 300e-12)
    shunt, subtract = (-epsp(device, same, receptor, dc, 1)[12] for receptor in ("gaba_a", "gaba_b"))
    value = parameters(device, same)
    assert shunt / subtract == pytest.approx(1 + 300e-12 / value["I_gain"], rel=0.15)


def test_adaptation_lowers_the_rate_and_lets_it_recover(device, fi):
    adapting = with_biases(device, fi, I_ahp_w=10e-12)
    first, later = [], []
    for point in (fi, adapting):
        emulator = bench(cells(device, point, 1), point, dies(device, point, [0]), dc=[1e-9])
        times = emulator.run(silence(emulator, 1.5), 1.5).spike_time.values
        first.append(times[1] - times[0])
        later.append(np.diff(times)[-5:].mean())
    assert later[0] == pytest.approx(first[0], rel=1e-3)
    assert later[1] > 1.2 * first[1]
    assert first[1] > first[0]


def test_adaptation_jumps_by_its_weight_times_gain_and_decays(device, fi):
    # jump (I_gain / I_tau) I_w = 4 * 10 pA at each spike, then tau = C_ahp U_T / (kappa I_tau) = 71 ms
    point = with_biases(device, fi, I_ahp_w=10e-12)
    emulator = bench(cells(device, point, 1), point, dies(device, point, [0]), dc=[300e-12])
    values, recording = probe(emulator, 0.06, "I_ahp")
    trace, step = values[0, 0], int(recording.spike_time.values[0] / emulator.dt)
    assert trace[step] - trace[step - 1] == pytest.approx(40e-12, rel=1e-6)
    tau = 4e-12 * 25e-3 / (0.705 * 2e-12)
    assert trace[step + 50] / trace[step] == pytest.approx(np.exp(-50 * emulator.dt / tau), rel=1e-4)


def test_spikes_arrive_one_step_later(device, fit):
    net = Network("chain")
    first = net.population("first", 1, point=fit.name)
    second = net.population("second", 1, point=fit.name)
    net.project(first, second, receptor="ampa", words=20)
    emulator = bench(map_network(net, device), fit, dies(device, fit, [0]), dc=[250e-12])
    recording = emulator.run(silence(emulator, 0.1), 0.1, ("I_ampa",), probe_neurons="second")
    fired = recording.spike_time.values[recording.spike_neuron.values == 0][0]
    arrived = recording.time.values[np.argmax(recording.I_ampa.values[0, 0] > 2e-12)] - emulator.dt
    assert arrived == pytest.approx((int(fired / emulator.dt) + 1) * emulator.dt, abs=1e-9)
