"""Dendrites and synapses that latches switch, against closed forms, over time and not only at one number."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from chipemu.device import load_device
from chipemu.errors import InputError
from chipemu.kernels import layout as at
from chipemu.mapping import map_network
from chipemu.network import Network
from chipemu.stimulus import EventList, poisson, regular
from chipemu.units import thermal_voltage
from chipemu.validation import se2
from chipemu.validation.testbench import bench, dies, one_event, silence
from chipemu.wiring import Lanes

DT = 1e-4


@pytest.fixture(scope="module")
def device():
    return load_device(Path(__file__).parents[1] / "latched.toml")


def current_after_one_event(device, latches, receptor="ampa", changes=None, duration=0.06):
    emulator = se2.latched(device, latches, receptor=receptor, changes=changes)
    return emulator.run(one_event(0.0), duration, (f"I_{receptor}",))[f"I_{receptor}"].values[0, 0]


@pytest.mark.parametrize("receptor", ["ampa", "nmda"])
def test_an_alpha_current_is_the_difference_of_two_exponentials(device, receptor):
    floor = device.circuit["I0"]
    plain = current_after_one_event(device, (), receptor)
    alpha = current_after_one_event(device, (f"alpha_{receptor}",), receptor)
    time = DT * (np.arange(len(plain)) + 1)
    tau_e, tau_i = se2._TAU[receptor], se2._TAU_I[receptor]
    jump = plain[0] / np.exp(-DT / tau_e)
    expected = np.maximum(jump * np.exp(-time / tau_e), floor) - np.maximum(jump * np.exp(-time / tau_i), floor)
    assert np.max(np.abs(alpha - floor - np.maximum(expected, 0))) < 1e-9 * jump


def test_a_slower_inhibitory_part_is_cut_off_at_the_floor(device):
    slow = {"I_tau_ampa_i": se2.leak(device, device.circuit["C_syn_ampa"], 40e-3)}
    alpha = current_after_one_event(device, ("alpha_ampa",), changes=slow)
    assert np.all(alpha == pytest.approx(device.circuit["I0"], rel=1e-12))


def test_an_alpha_current_is_smaller_with_a_smaller_inhibitory_gain_only_by_its_part(device):
    # the inhibitory jump scales with its gain, so that a gain near zero leaves the plain synapse
    none = current_after_one_event(device, ("alpha_ampa",), changes={"I_gain_ampa_i": 1e-18})
    plain = current_after_one_event(device, ())
    assert none == pytest.approx(plain, rel=1e-3)


def held_dendrite(device, latches, membrane, reversal):
    """AMPA current in the soma one step after a pulse, with the membrane at a current [A]."""
    emulator = se2.latched(device, latches, changes={"I_rev_ampa": reversal})
    lane = Lanes(emulator.mapped)
    lane.set_field(emulator.state, at.Y, slice(None), np.array([np.log(membrane * 1e12)]), 0.0)
    return emulator.run(one_event(0.0), DT, ("I_ampa",)).I_ampa.values[0, 0, 0]


@pytest.mark.parametrize("ratio", [0.01, 0.3, 0.9, 1.0, 3.0])
def test_the_driving_force_is_that_of_a_differential_pair(device, ratio):
    reversal, floor = 300e-12, device.circuit["I0"]
    plain = held_dendrite(device, (), ratio * reversal, reversal)
    driven = held_dendrite(device, ("conductance_ampa",), ratio * reversal, reversal)
    volts = -thermal_voltage(298.15) / device.circuit["kappa"] * np.log(ratio)  # V_rev - V_mem
    force = max(np.tanh(device.circuit["kappa"] * volts / (2 * thermal_voltage(298.15))), 0.0)
    assert driven - floor == pytest.approx((plain - floor) * force, rel=1e-9, abs=1e-24)


def test_a_conductance_cannot_drive_the_membrane_beyond_its_reversal(device):
    reversal = 200e-12
    for latches, below in ((("conductance_ampa",), True), ((), False)):
        emulator = se2.latched(device, latches, words=32, changes={"I_rev_ampa": reversal})
        membrane = emulator.run(regular([[500.0]], 0.3, DT), 0.3, ("I_mem",)).I_mem.values[0, 0]
        assert bool(membrane.max() < reversal) is below


def test_a_reversal_at_the_floor_is_refused_by_the_name_of_its_bias(device):
    with pytest.raises(InputError, match=r"reversal current of 1 pA for ampa .* raise bias B_I_rev_ampa"):
        se2.latched(device, ("conductance_ampa",), changes={"I_rev_ampa": 1e-12})


def charges(device, time, changes=None):
    """Charge of each event of a depressing AMPA synapse, as a fraction of the first."""
    emulator = se2.latched(device, (), stp=True, changes=changes)
    duration = round(time[-1] / DT + 5) * DT
    current = emulator.run(EventList(time, np.zeros(len(time), int)), duration, ("I_ampa",)).I_ampa.values[0, 0]
    step = np.round(time / DT).astype(int)
    before, after = current[step - 1], current[step] / np.exp(-DT / se2._TAU["ampa"])
    charge = after - before + device.circuit["I0"] * np.log(after / before)
    return charge / charge[0]


def test_depression_follows_tsodyks_and_markram_for_irregular_events(device):
    step = np.cumsum(np.random.default_rng(3).integers(20, 2000, 60))
    resource, expected = 1.0, []
    for interval in np.diff(step, prepend=step[0]):
        resource = 1 - (1 - resource) * np.exp(-interval * DT / se2._RECOVERY)
        expected.append(resource)
        resource *= 1 - se2._USE
    assert charges(device, step * DT) == pytest.approx(expected, rel=2e-6)


def test_without_strength_nothing_depresses(device):
    assert charges(device, np.arange(1, 30) * 5e-3, {"I_strength_std": 0.0}) == pytest.approx(1.0, rel=1e-9)


def test_depression_belongs_to_a_connection_and_not_to_its_neuron(device):
    net = Network("two")
    pair, cell = net.sources("pair", 2), net.population("cell", 1, point=se2.POINT, latches=())
    net.project(pair, cell, receptor="ampa", words=8, stp=True)
    point = se2.bench_point(device)
    emulator = bench(map_network(net, device), point, dies(device, point, [0]))
    busy = EventList(np.arange(1, 11) * 5e-3, np.zeros(10, int))
    emulator.run(busy, 0.06)
    resource = emulator._depression.resource[0]
    assert resource[1] == 1.0
    assert resource[0] < 0.5


def regulated(device, latches, rate, duration, precision="float64", dc=0.0):
    emulator = se2.latched(se2._faster(device), latches, words=2, changes={"I_dc": dc})
    emulator.advance(regular([[rate]], duration, DT), duration)
    return Lanes(emulator.mapped).fields(emulator.state, at.LN_GAIN, 2)[0, :, 0]


def test_the_gain_falls_where_the_neuron_is_too_fast_and_stops_at_its_limit(device):
    low = regulated(device, ("homeostasis_ampa", "dc"), 0.0, 1.5, dc=5e-9)
    assert -1.5 < low[0] < -1.0
    assert low[1] == 0.0
    lowest = regulated(device, ("homeostasis_ampa", "dc"), 0.0, 3.0, dc=5e-9)
    assert lowest[0] == pytest.approx(-np.log(device.homeostasis.largest_gain), abs=1e-3)


def test_a_gain_scales_the_charge_of_its_receptor_alone(device):
    jumps = {}
    for gain in (0.0, 0.7):
        for receptor in ("ampa", "nmda"):
            emulator = se2.latched(device, ("homeostasis_ampa",), receptor=receptor)
            Lanes(emulator.mapped).set_field(emulator.state, at.LN_GAIN, slice(None), np.array([gain]), 0.0)
            jumps[receptor, gain] = emulator.run(one_event(0.0), DT, (f"I_{receptor}",))[f"I_{receptor}"].values[
                0, 0, 0
            ]
    assert jumps["nmda", 0.7] == jumps["nmda", 0.0]
    assert jumps["ampa", 0.7] / jumps["ampa", 0.0] == pytest.approx(np.exp(0.7), rel=1e-2)


def test_a_gain_as_slow_as_on_the_chip_moves_in_float32(device):
    # 81 ks: one step of 0.1 ms moves ln(g) by 1.2e-9, below the resolution of a float32 near 1
    net = Network("slow")
    net.sources("in", 1)
    net.population("cells", 1, point=se2.POINT, latches=("homeostasis_ampa",))
    point = se2.bench_point(device)
    emulator = bench(map_network(net, device), point, dies(device, point, [0]), precision="float32")
    lanes = Lanes(emulator.mapped)
    lanes.set_field(emulator.state, at.LN_GAIN, slice(None), np.array([1.0]), 0.0)
    emulator.advance(silence(emulator, 10.0), 10.0)
    constants = device.homeostasis
    tau = constants.C_gain * thermal_voltage(298.15) / (device.circuit["kappa"] * constants.I_leak)
    moved = float(lanes.fields(emulator.state, at.LN_GAIN)[0, 0]) - 1.0
    assert moved == pytest.approx(10.0 / tau, rel=2e-3)


def test_no_current_falls_below_its_floor(device):
    latches = ("alpha_ampa", "alpha_nmda", "conductance_ampa", "conductance_nmda", "homeostasis_ampa", "nmda_gate")
    for precision in ("float32", "float64"):
        point, net = se2.bench_point(device), Network("floor")
        source, cells = net.sources("in", 2), net.population("cells", 20, point=se2.POINT, latches=latches)
        net.project(source, cells, receptor="ampa", words=4, stp=True)
        net.project(source, cells, receptor="nmda", words=4)
        net.project(cells, cells, receptor="gaba_b", pairs="one")
        emulator = bench(map_network(net, device), point, dies(device, point, [0, 1]), precision=precision)
        emulator.advance(poisson([[400.0, 90.0]] * 2, 0.2, DT, seed=1), 0.2)
        fields = Lanes(emulator.mapped).fields(emulator.state, 0, at.N_FIELDS)
        lowest = float(np.float32(device.circuit["I0"] * 1e12))
        for first, count in ((at.I_SYN, 4), (at.DPI_E, 2), (at.DPI_I, 2), (at.I_CA, 1)):
            assert fields[:, first : first + count].min() >= lowest * (1 - 1e-6)


def test_mismatch_reaches_the_currents_of_latched_circuits(device):
    spread = {name: 0.2 if name == "I_tau_ampa_i" else 0.0 for name in device.mismatch.within_core}
    uneven = dataclasses.replace(device, mismatch=dataclasses.replace(device.mismatch, within_core=spread))
    point, net = se2.bench_point(device), Network("uneven")
    source, cells = net.sources("in", 1), net.population("cells", 64, point=se2.POINT, latches=("alpha_ampa",))
    net.project(source, cells, receptor="ampa", words=8)
    emulator = bench(map_network(net, uneven), point, dies(uneven, point, [5], ("mismatch_within_core",)))
    current = emulator.run(one_event(0.0), 0.04, ("I_ampa",)).I_ampa.values[0]
    peak = current.argmax(1) * DT
    # d ln t_peak / d ln tau_i at 20 and 5 ms is about 0.6
    assert 0.08 < peak.std() / peak.mean() < 0.2


def arrivals(device, delay, receptor="ampa", n=1, effects=(), seed=0, changes=None):
    """When one input spike reaches each of n cells [s]."""
    base = {"I_delay": se2.delay_current(device, se2._DELAY["I_delay"])}
    point, net = se2.bench_point(device, base | (changes or {})), Network("late")
    source, cells = net.sources("in", 1), net.population("cells", n, point=se2.POINT, latches=())
    net.project(source, cells, receptor=receptor, words=8, delay=delay)
    emulator = bench(map_network(net, device), point, dies(device, point, [seed], effects))
    current = emulator.run(one_event(0.0), 0.08, (f"I_{receptor}",))[f"I_{receptor}"].values[0]
    return np.argmax(current > 1.5 * device.circuit["I0"], axis=1) * DT


@pytest.mark.parametrize(("delay", "parts"), [(None, 1), ("precise", 2)])
def test_a_delay_is_the_sum_of_its_elements(device, delay, parts):
    expected = sum(list(se2._DELAY.values())[:parts])
    assert arrivals(device, delay) == pytest.approx(expected, abs=0.51 * DT)


def test_mismatched_delays_spread_from_synapse_to_synapse_and_belong_to_the_die(device):
    base, element = se2._DELAY["I_delay"], se2._DELAY["I_delay_mismatched"]
    late = arrivals(device, "mismatched", n=256, seed=4)
    log = np.log((late - base) / element)
    assert abs(log.mean()) < 4 * device.delays.spread / np.sqrt(256)
    assert log.std() == pytest.approx(device.delays.spread, rel=0.15)
    assert np.array_equal(late, arrivals(device, "mismatched", n=256, seed=4))
    assert not np.array_equal(late, arrivals(device, "mismatched", n=256, seed=5))
    # the same synapses with the precise element as well are later by it
    both = arrivals(device, "both", n=256, seed=4)
    assert np.max(np.abs(both - late - se2._DELAY["I_delay_precise"])) < 1.01 * DT


def test_a_delay_bias_at_the_floor_is_no_delay_and_a_long_one_is_refused(device):
    assert arrivals(device, None, changes={"I_delay": 0.0})[0] == 0.0
    with pytest.raises(
        InputError, match=r"projection 'in_cells_ampa' delays its pulses by 349.97 ms; allowed 200 ms .*latched.toml"
    ):
        arrivals(device, None, changes={"I_delay": 1.0001e-12})


def test_pulses_on_their_way_survive_a_cut_and_a_change_of_their_delay(device):
    point, net = se2.bench_point(device), Network("way")
    source, cells = net.sources("in", 1), net.population("cells", 1, point=se2.POINT, latches=())
    net.project(source, cells, receptor="ampa", words=8, delay="precise")
    emulator = bench(map_network(net, device), point, dies(device, point, [0]))
    current = emulator.run(one_event(0.0), 4e-3, ("I_ampa",)).I_ampa.values[0, 0]
    assert np.all(current == pytest.approx(device.circuit["I0"]))
    # 35 ms from now on; what was sent before arrives as it was going to
    setting = emulator.setting
    slower = setting.currents.copy()
    slower[:, :, setting.index("B_I_delay_precise")] = 10e-12
    emulator.set_biases(dataclasses.replace(setting, currents=slower))
    current = emulator.run(one_event(0.0), 50e-3, ("I_ampa",)).I_ampa.values[0, 0]
    jumps = np.flatnonzero(np.diff(current, prepend=device.circuit["I0"]) > 1e-10) * DT
    assert jumps == pytest.approx([1e-3, 35e-3], abs=1.01 * DT)


def test_a_delayed_synapse_depresses_with_its_events(device):
    point, net = se2.bench_point(device), Network("late and tired")
    source, cells = net.sources("in", 1), net.population("cells", 1, point=se2.POINT, latches=())
    net.project(source, cells, receptor="ampa", words=8, delay="precise", stp=True)
    emulator = bench(map_network(net, device), point, dies(device, point, [0]))
    time = np.arange(30) * 20e-3
    current = emulator.run(EventList(time, np.zeros(30, int)), 0.62, ("I_ampa",)).I_ampa.values[0, 0]
    step = np.round((time + se2._DELAY["I_delay_precise"]) / DT).astype(int)
    before, after = current[step - 1], current[step] / np.exp(-DT / se2._TAU["ampa"])
    charge = after - before + device.circuit["I0"] * np.log(after / before)
    assert charge[-1] / charge[0] == pytest.approx(se2.depressed(50.0), rel=1e-6)
