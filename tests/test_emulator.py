"""The emulator from outside: what it holds, what it shows, and what it refuses."""

import dataclasses

import numpy as np
import pytest

from chipemu.chip import sample_chip
from chipemu.device import load_device, load_point
from chipemu.emulator import Emulator
from chipemu.errors import CapacityError, InputError, RunError, UnknownNameError
from chipemu.mapping import map_network
from chipemu.network import Network
from chipemu.recording import PROBES
from chipemu.stimulus import EventList, regular
from chipemu.units import thermal_voltage
from chipemu.validation.testbench import bench, cells, dies, set_dc, silence

DT = 1e-4


@pytest.fixture(scope="module")
def device():
    return load_device("dynapse1")


def trained(device, store="words", n=4, fixed=4):
    net = Network("trained")
    inputs, outputs = net.sources("inputs", 3), net.population("outputs", n, point="mismatch-fit")
    net.project_signed(inputs, outputs, positive="ampa", negative="gaba_b", name="weights", store=store)
    net.project(inputs, outputs, receptor="nmda", words=fixed)
    return map_network(net, device)


@pytest.fixture
def emulator(device):
    return Emulator([sample_chip(device, seed) for seed in (1, 2)], trained(device), noise_seeds=(0, 1))


WEIGHTS = np.array([5, -3, 0, 7, 1, -1, 2, 2, -9, 0, 0, 4])


# --- weights ------------------------------------------------------------------------------------------------------


def test_weights_read_back_as_written(emulator):
    assert np.all(emulator.weights()["weights"] == 0)
    emulator.upload({"weights": WEIGHTS})
    assert np.array_equal(emulator.weights()["weights"], np.tile(WEIGHTS, (4, 1)))


def test_every_run_may_have_weights_of_its_own(emulator):
    weights = WEIGHTS * np.arange(4)[:, None]
    emulator.upload({"weights": weights})
    assert np.array_equal(emulator.weights()["weights"], weights)


def test_the_ledger_counts_changed_words_and_uploads(emulator):
    emulator.upload({"weights": WEIGHTS})
    emulator.upload({"weights": WEIGHTS})
    changed = WEIGHTS.copy()
    changed[0] -= 2
    emulator.upload({"weights": changed})
    assert np.array_equal(emulator.ledger.weight_writes, np.full(4, np.abs(WEIGHTS).sum() + 2))
    assert np.array_equal(emulator.ledger.uploads, np.full(4, 2))


def test_words_that_do_not_fit_are_clipped_and_counted(emulator):
    # 64 words, 3 x 4 of them fixed: 52 are left
    emulator.upload({"weights": np.full(12, 20)})
    held = emulator.weights()["weights"].reshape(4, 3, 4)
    assert np.array_equal(held.sum(1), np.full((4, 4), 52))
    assert np.array_equal(emulator.ledger.clipped_words, np.full(4, 4 * 8))


def test_policy_error_refuses_what_does_not_fit_and_changes_nothing(emulator):
    emulator.upload({"weights": WEIGHTS})
    with pytest.raises(CapacityError, match="needs 72 CAM words"):
        emulator.upload({"weights": np.full(12, 20)}, policy="error")
    assert np.array_equal(emulator.weights()["weights"][0], WEIGHTS)


def test_restore_brings_back_weights_and_the_slots_that_held_them(emulator):
    # a history that leaves the words elsewhere than a first upload puts them
    for history in (3 * np.abs(WEIGHTS), np.roll(WEIGHTS, 4), WEIGHTS):
        emulator.upload({"weights": history})
    image, amplitude = emulator.store(), emulator._memory.amplitude.copy()
    emulator.upload({"weights": np.zeros(12)})
    emulator.upload({"weights": WEIGHTS})
    assert not np.array_equal(emulator._memory.amplitude, amplitude)
    emulator.restore(image)
    assert np.array_equal(emulator.weights()["weights"][0], WEIGHTS)
    assert np.array_equal(emulator._memory.amplitude, amplitude)


def test_a_stored_image_does_not_change_later(emulator):
    emulator.upload({"weights": WEIGHTS})
    image = emulator.store()
    emulator.upload({"weights": np.zeros(12)})
    assert np.array_equal(image.weights["weights"][0], WEIGHTS)


def test_images_can_be_mixed_by_run(emulator):
    emulator.upload({"weights": WEIGHTS})
    first = emulator.store()
    emulator.upload({"weights": -WEIGHTS})
    mixed = first.where(np.array([True, False, False, True]), emulator.store())
    emulator.restore(mixed)
    signs = np.array([-1, 1, 1, -1])
    assert np.array_equal(emulator.weights()["weights"], signs[:, None] * WEIGHTS)


def test_a_word_keeps_its_slot_while_its_source_stays(emulator):
    # more words for one source redraw nothing for the others
    emulator.upload({"weights": WEIGHTS})
    before = emulator._memory.amplitude.copy()
    more = WEIGHTS.copy()
    more[0] += 6
    emulator.upload({"weights": more})
    assert (emulator._memory.amplitude != before).any(axis=0).sum() == 1


def test_plastic_codes_are_held_and_limited():
    device = load_device("dynapse1-plastic")
    emulator = Emulator([sample_chip(device, 1)], trained(device, store="plastic"))
    emulator.upload({"weights": np.array([15, -15, 3, 99, 0, 1, 2, 3, 4, 5, 6, -99])})
    assert list(emulator.weights()["weights"][0]) == [15, -15, 3, 15, 0, 1, 2, 3, 4, 5, 6, -15]
    image = emulator.store()
    emulator.upload({"weights": np.zeros(12)})
    emulator.restore(image)
    assert emulator.weights()["weights"][0, 3] == 15


def test_an_ideal_device_holds_floats():
    device = load_device("ideal")
    emulator = Emulator([sample_chip(device, 1)], trained(device))
    emulator.upload({"weights": WEIGHTS * 0.37})
    np.testing.assert_allclose(emulator.weights()["weights"][0], WEIGHTS * 0.37)


def test_more_excitation_gives_more_spikes(emulator):
    counts = []
    for words in (0, 4, 12):
        emulator.upload({"weights": np.full(12, words)})
        emulator.advance(regular(np.full((4, 3), 200.0), 0.2, DT), 0.2)
        counts.append(emulator.advance(regular(np.full((4, 3), 200.0), 0.5, DT), 0.5).count.sum(1))
    assert np.all(counts[0] <= counts[1])
    assert np.all(counts[1] < counts[2])


def test_feedback_that_is_not_injected_is_sensed_but_has_no_effect(device):
    emulator = Emulator([sample_chip(device, 1, without=["noise"])], trained(device, fixed=16))
    emulator.inject(False)
    recording = emulator.run([200.0] * 3, 0.2, ("I_nmda", "V_mem"))
    assert recording.I_nmda.values.max() > 100e-12
    assert recording.V_mem.values.max() < 1e-6
    emulator.inject(True)
    assert emulator.run([200.0] * 3, 0.2, ("V_mem",)).V_mem.values.max() > 0.05


# --- what a run shows -----------------------------------------------------------------------------------------------


def test_a_recording_has_named_dimensions_units_and_origin(emulator):
    emulator.upload({"weights": np.full(12, 12)})
    recording = emulator.run([150.0, 100.0, 50.0], 0.2, PROBES, probe_neurons="outputs", every=1e-3)
    assert recording.V_mem.dims == ("run", "probe_neuron", "time")
    assert recording.V_mem.shape == (4, 4, 200)
    assert recording.V_mem.units == "V"
    assert all(recording[name].units == "A" for name in PROBES if name != "V_mem")
    assert recording.time.values[[0, -1]] == pytest.approx([1e-3, 0.2])
    assert recording.sizes["spike"] > 0
    assert recording.spike_time.values.min() >= 0
    assert recording.spike_time.values.max() <= 0.2
    assert list(recording.attrs["chip_seeds"]) == [1, 2]
    assert recording.attrs["device_hash"] == emulator.mapped.device.hash
    assert recording.attrs["mapping_hash"] == emulator.mapped.hash
    assert len(recording.attrs["kernel_hash"]) == 16


def test_probes_agree_with_one_another(device):
    # exact biases, because the generator's smallest current would leave the NMDA gate a little closed
    emulator = Emulator([sample_chip(device, 1, without=["mismatch", "quantisation"])], trained(device))
    emulator.upload({"weights": np.full(12, 3)})
    shown = emulator.run([100.0] * 3, 0.05, PROBES)
    i0, per_log = 1e-12, 25.693e-3 / 0.705
    np.testing.assert_allclose(shown.V_mem, per_log * np.log(shown.I_mem / i0), rtol=1e-3, atol=1e-6)
    # gate off, no DC: I_in = I_ampa + I_nmda - I_gaba_b, never below the floor; the floor is not input
    total = (shown.I_nmda - i0) + shown.I_ampa - shown.I_gaba_b
    np.testing.assert_allclose(shown.I_in, np.maximum(total, i0), rtol=1e-4, atol=1e-15)
    assert float(shown.I_fb.max()) <= 100e-12 * 1.001


def test_probe_neurons_are_chosen_by_name_or_index(emulator):
    every = emulator.run([0.0] * 3, 1e-3, ("V_mem",))
    some = emulator.run([0.0] * 3, 1e-3, ("V_mem",), probe_neurons=[3, 1])
    assert list(every.probe_neuron) == [0, 1, 2, 3]
    assert list(some.probe_neuron) == [3, 1]


def test_spike_times_are_within_their_steps_and_counts_agree(emulator):
    emulator.upload({"weights": np.full(12, 12)})
    window = emulator.advance(regular(np.full((4, 3), 200.0), 0.3, DT), 0.3, record=True)
    assert window.count.sum() == len(window.step) > 50
    assert np.all((window.fraction >= 0) & (window.fraction <= 1))
    for run in range(4):
        mine = window.run == run
        assert np.all(np.diff(window.step[mine]) >= 0)
        assert np.array_equal(np.bincount(window.neuron[mine], minlength=4), window.count[run])


def test_the_ledger_counts_spikes_and_chip_time(emulator):
    emulator.upload({"weights": np.full(12, 12)})
    first = emulator.advance(regular(np.full((4, 3), 200.0), 0.3, DT), 0.3).count
    second = emulator.advance(regular(np.full((4, 3), 200.0), 0.2, DT), 0.2).count
    assert np.array_equal(emulator.ledger.spikes, (first + second).sum(1))
    np.testing.assert_allclose(emulator.ledger.chip_time_s, 0.5)


def test_one_stimulus_for_all_runs_or_one_for_each(emulator):
    emulator.upload({"weights": np.full(12, 12)})
    rates = np.zeros((4, 3))
    rates[2] = 300.0
    recording = emulator.run(rates, 0.3)
    assert set(recording.spike_run.values) == {2}


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda e: e.run([1.0], 0.1), InputError, "rates have shape (1,); the network has 3 sources and 4 runs"),
        (lambda e: e.run([1.0] * 3, 0.10005), InputError, "not a positive whole number of steps of 100 us"),
        (lambda e: e.run([1.0] * 3, 0.1, ("V_men",)), UnknownNameError, "unknown probe 'V_men'; nearest: V_mem"),
        (lambda e: e.run([1.0] * 3, 0.1, ("V_mem",), every=3e-5), InputError, "not a positive whole number"),
        (lambda e: e.run([1.0] * 3, 0.1, ("V_mem",), probe_neurons=[9]), InputError, "allowed 0 to 3"),
        (lambda e: e.run([1.0] * 3, 0.1, ("V_mem",), probe_neurons="cells"), UnknownNameError, "nearest: outputs"),
        (lambda e: e.run(EventList([0.2], [0]), 0.1), InputError, "allowed 0 to 0.1 s"),
        (lambda e: e.upload({"wieghts": WEIGHTS}), InputError, "weights"),
        (lambda e: e.upload({"weights": WEIGHTS}, policy="greedi"), UnknownNameError, "nearest: greedy"),
        (lambda e: e.advance(regular([1.0] * 3, 0.1, DT), 0.1), InputError, "events of 1 run for an emulator of 4"),
        (lambda e: e.advance(regular(np.full((4, 3), 99.0), 0.2, DT), 0.1), InputError, "events reach step"),
        (lambda e: e.advance(regular(np.full((4, 5), 99.0), 0.1, DT), 0.1), InputError, "source 4"),
    ],
)
def test_bad_calls_are_refused(emulator, call, error, message):
    with pytest.raises(error) as caught:
        call(emulator)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"chips": []}, InputError, "needs at least one chip and one noise seed"),
        ({"noise_seeds": []}, InputError, "needs at least one chip and one noise seed"),
        ({"precision": "float16"}, UnknownNameError, "unknown precision 'float16'; nearest: float"),
        ({"dt": 0.0}, InputError, "time step"),
        ({"dt": float("nan")}, InputError, "time step"),
        ({"dt": 1e-5}, InputError, "pulse width of 20 us on core"),
    ],
)
def test_bad_emulators_are_refused(device, options, error, message):
    arguments = {"chips": [sample_chip(device, 1, without=["mismatch", "quantisation"])], **options}
    with pytest.raises(error) as caught:
        Emulator(arguments.pop("chips"), trained(device), **arguments)
    assert message in str(caught.value)


def test_chips_of_another_device_are_refused(device):
    with pytest.raises(InputError, match="the network is mapped on dynapse1, but a chip is of another device"):
        Emulator([sample_chip(load_device("ideal"), 1)], trained(device))


def test_a_membrane_without_a_number_stops_the_run(device):
    point = load_point("ds-fi", device)
    emulator = bench(cells(device, point, 1), point, dies(device, point, [5]))
    set_dc(emulator, [np.nan])
    with pytest.raises(RunError, match="neuron 0 on die 5 is not finite at 10 ms"):
        emulator.advance(silence(emulator, 0.01), 0.01)


def test_a_long_pulse_names_its_bias(device):
    point = load_point("ds-fi", device)
    slow = dataclasses.replace(point, biases={**point.biases, "PULSE_PWLK_P": 1e-9})
    with pytest.raises(InputError, match=r"pulse width of 350 us .* longer than the time step 100 us; .*PULSE_PWLK_P"):
        bench(cells(device, slow, 1), slow, dies(device, slow, [0]))


def test_a_voltage_is_that_of_the_temperature_at_which_its_neuron_works(device):
    point, volt_per_log = load_point("mismatch-fit", device), {}
    for effect in ((), ("temperature",)):
        chips = dies(device, point, (1,), effect, warmer=40.0)
        emulator = bench(cells(device, point, 1), point, chips, dc=[100e-12])
        recording = emulator.run(silence(emulator, 0.05), 0.05, ("V_mem", "I_mem"), every=0.05)
        log_ratio = np.log(recording.I_mem.values / device.circuit["I0"])
        volt_per_log[effect] = (recording.V_mem.values / log_ratio).item() * device.circuit["kappa"]
    assert volt_per_log[()] == pytest.approx(thermal_voltage(point.temperature), rel=1e-9)
    assert volt_per_log[("temperature",)] == pytest.approx(thermal_voltage(point.temperature + 40), rel=1e-9)
