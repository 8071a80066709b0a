"""Every non-ideality has a switch that changes exactly the arrays it lists, and moves something one can see."""

import numpy as np
import pytest

from chipemu.bias import current
from chipemu.chip import sample_chip
from chipemu.device import load_device, load_point
from chipemu.effects import EFFECTS, GROUPS, switches
from chipemu.emulator import Emulator
from chipemu.errors import InputError, UnknownNameError
from chipemu.kernels import layout as at
from chipemu.kernels.slow import SUPPLY
from chipemu.mapping import map_network
from chipemu.network import Network
from chipemu.stimulus import EventList
from chipemu.validation.testbench import set_dc, silence
from chipemu.wiring import Lanes

# calibration is a procedure on a finished die, tested with its own module; weight stores are in test_stores.py,
# traces in test_plasticity.py
ELSEWHERE = ("calibration", "mismatch_trace", "programming_noise", "read_noise", "conductance_drift", "weight_leak")
ON_THE_DIE = [name for name in EFFECTS if name not in ELSEWHERE]
ARRAYS = {name for effect in ON_THE_DIE for name in EFFECTS[effect].changes}
_ASKED = np.full(4, 20e-12), np.full(4, 298.15)  # current of a bias on each core, and where it is stated


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


@pytest.fixture(scope="module")
def mapped(device):
    """300 neurons of one point, so that two cores hold the same biases."""
    net = Network("effects")
    inputs, cells = net.sources("inputs", 1), net.population("cells", 300, point="mismatch-fit")
    net.project_signed(inputs, cells, positive="ampa", negative="gaba_b", name="weights")
    return map_network(net, device)


@pytest.fixture(scope="module")
def build(device, mapped):
    def build(*effects, seeds=(1,), weight=8, scale=None):
        """Dies, 10 K warmer than their operating point and a day old, on which nothing but these effects acts."""
        without = [name for name in EFFECTS if name not in effects]
        warm = load_point("mismatch-fit", device).temperature + 10
        chips = [
            sample_chip(device, seed, without=without, scale=scale, temperature=warm).age("1 day") for seed in seeds
        ]
        emulator = Emulator(chips, mapped, precision="float64")
        emulator.upload({"weights": np.full(300, weight)})
        return emulator

    return build


def arrays(emulator):
    chip, lanes = emulator.chips[0], Lanes(emulator.mapped)
    return {
        "neuron_factor": np.array(list(chip.neuron_factor.values())),
        "core_factor": np.array(list(chip.core_factor.values())),
        "slot_factor": chip.slot_factor(emulator.mapped.address),
        "membrane_kick": lanes.fields(emulator.state, at.MEMBRANE_KICK),
        "input_kick": lanes.fields(emulator.state, at.OU_KICK),
        "bias_current": emulator.setting.currents,
        "bias_at_work": np.array([chip.bias_at_work(name, *_ASKED) for name in chip.device.modelled_biases]),
        "leakage": np.array(chip.leakage),
        "flicker": emulator._slow.weight[:, :SUPPLY],
        "supply": emulator._slow.weight[:, SUPPLY],
        "event_jitter": emulator._transit.jitter,
        "event_loss": emulator._transit.loss,
        "stuck_words": chip.stuck_words(emulator.mapped.address),
        "threshold": lanes.fields(emulator.state, at.Y_THR),
        "positive_feedback": lanes.fields(emulator.state, at.FB_GAIN),
        "dead_tags": chip.dead_tags,
        "thermal_voltage": lanes.fields(emulator.state, at.STEP_PER_CHARGE),  # dt kappa / (C U_T)
    }


def changed(one, other):
    return {name for name in one if not np.array_equal(one[name], other[name])}


def test_every_listed_array_is_looked_at(build):
    assert set(arrays(build())) == ARRAYS


@pytest.mark.parametrize("effect", ON_THE_DIE)
def test_a_switch_changes_exactly_the_arrays_it_lists(build, effect):
    assert changed(arrays(build()), arrays(build(effect))) == set(EFFECTS[effect].changes)


def held_voltage(emulator, dc=100e-12, duration=0.3):
    """V_mem at a fixed point (run, neuron, time) [V]."""
    set_dc(emulator, [dc] * emulator.n_runs)
    emulator.advance(silence(emulator, duration), duration)
    return emulator.run(silence(emulator, 0.02), 0.02, ("V_mem",), every=1e-3).V_mem.values


def test_without_effects_all_neurons_are_one(build):
    assert np.ptp(held_voltage(build(seeds=(1, 2)))[:, :, -1]) < 1e-12


def test_mismatch_within_cores_is_seen_from_neuron_to_neuron(build):
    voltage = held_voltage(build("mismatch_within_core"))
    assert voltage[0, :, -1].std() > 1e-3
    assert np.ptp(voltage, axis=2).max() < 1e-4


def test_correlation_is_seen_from_neighbour_to_neighbour(build, mapped):
    voltage = held_voltage(build("mismatch_correlated"))[0, :, -1]
    row, column = np.divmod(mapped.address[:, 1], 16)
    core = mapped.address[:, 0]
    beside = (core[1:] == core[:-1]) & (row[1:] == row[:-1]) & (column[1:] == column[:-1] + 1)
    assert np.corrcoef(voltage[1:][beside], voltage[:-1][beside])[0, 1] > 0.8


def test_outliers_are_few_and_far(build):
    voltage = held_voltage(build("mismatch_outliers"))[0, :, -1]
    away = np.abs(voltage - np.median(voltage)) > 1e-9
    # two currents hold the voltage, each with a chance of 1 %
    assert 0 < away.sum() < 20
    assert np.abs(voltage - np.median(voltage)).max() > 1e-3


def test_the_gradient_is_seen_across_the_core(build, mapped):
    voltage = held_voltage(build("mismatch_gradient"))[0, :, -1]
    first = mapped.address[:, 0] == mapped.address[0, 0]
    row, column = np.divmod(mapped.address[first, 1], 16)
    plane = np.stack([row, column, np.ones_like(row)], axis=1)
    fitted = plane @ np.linalg.lstsq(plane, voltage[first], rcond=None)[0]
    assert np.corrcoef(fitted, voltage[first])[0, 1] > 0.999
    assert np.ptp(voltage[first]) > 1e-5


def test_mismatch_between_cores_is_seen_from_core_to_core(build, mapped):
    voltage = held_voltage(build("mismatch_between_cores"))[0, :, -1]
    cores = [voltage[mapped.address[:, 0] == core] for core in np.unique(mapped.address[:, 0])]
    assert len(cores) == 2
    assert all(np.ptp(core) < 1e-9 for core in cores)
    assert abs(cores[0][0] - cores[1][0]) > 1e-3


def test_mismatch_between_dies_is_seen_from_die_to_die(build):
    voltage = held_voltage(build("mismatch_between_dies", seeds=(1, 2)))[:, :, -1]
    assert np.ptp(voltage, axis=1).max() < 1e-9
    assert abs(voltage[0, 0] - voltage[1, 0]) > 1e-4


def test_slot_mismatch_is_seen_in_the_pulse_and_averages_over_words(build):
    spread = {}
    for words in (1, 16):
        emulator = build("mismatch_slot", weight=words)
        current = emulator.run(EventList([0.0], [0]), 1e-3, ("I_ampa",)).I_ampa.values[0, :, 0]
        spread[words] = current.std() / current.mean()
    assert spread[1] == pytest.approx(0.03, rel=0.5)
    assert 2 < spread[1] / spread[16] < 8


@pytest.mark.parametrize("effect", ["thermal_noise", "input_noise", "flicker_noise"])
def test_noise_is_seen_in_time(build, effect):
    # flicker is slow: of its 6e-4 of a current, little is seen in 20 ms
    least = 1e-6 if effect == "flicker_noise" else 1e-5
    assert least < held_voltage(build(effect)).std(axis=2).mean() < 1e-2


def test_the_supply_is_seen_where_input_and_leak_do_not_balance(build, mapped):
    # a factor on both leaves a fixed point where it is; on the way there it makes all neurons of a core fast or slow
    def rising(emulator):
        set_dc(emulator, [100e-12])
        return emulator.run(silence(emulator, 0.01), 0.01, ("V_mem",)).V_mem.values[0, :, -1]

    moved = rising(build("supply_noise")) - rising(build())
    cores = [moved[mapped.address[:, 0] == core] for core in np.unique(mapped.address[:, 0])]
    assert all(np.ptp(core) < 1e-12 for core in cores)
    assert all(1e-6 < abs(core[0]) < 1e-2 for core in cores)
    assert cores[0][0] != cores[1][0]


@pytest.mark.parametrize(
    ("effect", "size"), [("event_loss", {"event_loss": 100}), ("event_jitter", {"event_jitter": 100})]
)
def test_events_on_their_way_are_seen_in_the_synapses(build, effect, size):
    # 1 event in 100 is lost, and all are late by a step on average
    events = EventList(np.arange(0, 0.2, 1e-3), np.zeros(200, int))
    plain, moved = (e.run(events, 0.2, ("I_ampa",)).I_ampa.values[0, 0] for e in (build(), build(effect, scale=size)))
    assert not np.array_equal(plain, moved)
    change = moved.sum() / plain.sum() - 1
    assert -0.1 < change < -1e-3 if effect == "event_loss" else abs(change) < 0.02


def test_temperature_moves_all_neurons_alike(build):
    cool, warm = held_voltage(build()), held_voltage(build("temperature"))
    assert np.ptp(warm[:, :, -1]) < 1e-9
    assert abs(warm[0, 0, -1] - cool[0, 0, -1]) > 1e-4


def test_drift_is_seen_from_core_to_core(build, mapped):
    voltage = held_voltage(build("bias_drift"))[0, :, -1]
    cores = [voltage[mapped.address[:, 0] == core] for core in np.unique(mapped.address[:, 0])]
    assert all(np.ptp(core) < 1e-9 for core in cores)
    assert abs(cores[0][0] - cores[1][0]) > 1e-5


def test_rounding_of_biases_moves_all_neurons_alike(build):
    exact, rounded = held_voltage(build()), held_voltage(build("bias_quantisation"))
    assert np.ptp(rounded[:, :, -1]) < 1e-9
    assert 1e-5 < abs(rounded[0, 0, -1] - exact[0, 0, -1]) < 5e-3


def test_rounded_biases_are_codes_of_the_generator(build, device):
    setting = build("bias_quantisation").setting
    used = setting.codes[0][setting.codes[0, :, :, 0] >= 0]
    assert len(used) == 2 * len(setting.names)
    core = np.flatnonzero(setting.codes[0, :, 0, 0] >= 0)[0]
    for bias, code in enumerate(setting.codes[0, core]):
        assert setting.currents[0, core, bias] == current(device.bias_generator, *code)


def test_groups_name_effects():
    assert set(GROUPS) == {"mismatch", "noise", "drift", "quantisation", "dead"}
    assert all(member in EFFECTS for members in GROUPS.values() for member in members)


def test_switching_off_wins_over_scaling():
    assert switches(without=["mismatch"], scale={"mismatch_slot": 3}).scale("mismatch_slot") == 0
    assert switches(scale={"mismatch": 3}).scale("mismatch_within_core") == 3
    assert not switches(scale={"noise": 0}).on("thermal_noise")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"without": ["nois"]}, UnknownNameError, "nearest: noise"),
        ({"scale": {"noise": float("nan")}}, InputError, "scale of effect 'noise' is nan; allowed 0 to 100"),
        ({"scale": {"noise": 101}}, InputError, "allowed 0 to 100"),
        ({"scale": {"calibration": 2}}, InputError, "effect 'calibration' is on or off, not scaled by 2"),
    ],
)
def test_bad_switches_are_refused(options, error, message):
    with pytest.raises(error) as caught:
        switches(**options)
    assert message in str(caught.value)
