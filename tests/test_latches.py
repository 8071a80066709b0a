"""Latches: which device has them, who sets them, and that what is not set changes nothing."""

import json
from pathlib import Path

import numpy as np
import pytest

from chipemu.device import load_device
from chipemu.errors import DeviceFileError, InputError, MappingFileError, UnknownNameError
from chipemu.kernels import layout as at
from chipemu.mapping import load_mapping, map_network, save_mapping
from chipemu.mapping.latches import neuron_latches, synapse_latches
from chipemu.network import Network
from chipemu.stimulus import poisson
from chipemu.validation import se2
from chipemu.validation.testbench import bench, dies, one_event, silence
from chipemu.wiring import Lanes

FILE = Path(__file__).parent / "latched.toml"
DT = 1e-4


@pytest.fixture(scope="module")
def device():
    return load_device(FILE)


def network(latches=None, point=se2.POINT, **synapse):
    net = Network("latched")
    source, cells = net.sources("in", 2), net.population("cells", 3, point=point, latches=latches)
    net.project(source, cells, receptor="ampa", words=8, **synapse)
    return net


def test_defaults_are_those_of_the_device(device):
    net = network()
    assert neuron_latches(net["cells"], device) == {"nmda_gate", "adaptation", "dc", "exponential"}
    assert neuron_latches(network(()) ["cells"], device) == frozenset()  # fmt: skip
    assert synapse_latches(net.projections[0], device) == frozenset()
    assert neuron_latches(net["cells"], load_device("dynapse1")) == frozenset()


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: network(("alfa_ampa",)), UnknownNameError, "latch of a neuron 'alfa_ampa'; nearest: alpha_ampa"),
        (lambda: network(("stp",)), UnknownNameError, "unknown latch of a neuron 'stp'"),
        (lambda: network("dc"), InputError, "latches 'dc' are one text; give a tuple of names"),
        (lambda: network(delay="prompt"), UnknownNameError, "unknown delay 'prompt'; nearest: both, precise"),
        (lambda: network(stp=1), InputError, "stp is 1; give True or False"),
    ],
)  # fmt: skip
def test_what_no_chip_has_is_refused_in_the_network(build, error, message):
    with pytest.raises(error) as caught:
        build()
    assert message in str(caught.value)


def test_plastic_synapses_have_neither_depression_nor_delays():
    net = Network("plastic")
    source, cells = net.sources("in", 1), net.population("cells", 1, point="output")
    with pytest.raises(InputError, match="plastic synapses have neither"):
        net.project_signed(source, cells, positive="ampa", negative="gaba_b", store="plastic", stp=True)


@pytest.mark.parametrize(
    ("net", "item"),
    [
        (network(("alpha_ampa",), "output"), "population 'cells' sets latch 'alpha_ampa'"),
        (network(None, "output", stp=True), "projection 'in_cells_ampa' sets latch 'stp'"),
        (network(None, "output", delay="both"), "projection 'in_cells_ampa' sets latch 'precise_delay'"),
    ],
)
def test_what_a_device_lacks_is_refused_by_its_file(net, item):
    with pytest.raises(InputError) as caught:
        map_network(net, load_device("dynapse1"))
    assert str(caught.value).startswith(f"{item}; dynapse1 has none (devices/dynapse1.toml, latches)")


def test_latches_are_part_of_a_network_only_where_they_are_given():
    # mappings saved before there were latches stay valid
    names = [
        network().hash,
        network(()).hash,
        network(("dc",)).hash,
        network(stp=True).hash,
        network(delay="both").hash,
    ]
    assert len(set(names)) == 5
    assert network(("dc", "kill")).hash == network(["kill", "dc", "dc"]).hash
    assert "latches alpha_ampa, kill" in str(network(("kill", "alpha_ampa")))
    assert "latches none" in str(network(()))
    assert str(network(stp=True)).endswith("latches stp")


def test_a_saved_mapping_remembers_the_latches(device, tmp_path):
    mapped = map_network(network(("kill", "dc"), delay="precise", stp=True), device)
    path = save_mapping(mapped, tmp_path / "latched.toml")
    assert 'latches = ["dc", "kill"]' in path.read_text()
    assert load_mapping(path, mapped.network, device).hash == mapped.hash
    with pytest.raises(MappingFileError, match="latches dc, kill; the network asks for of the device"):
        load_mapping(path, network(delay="precise", stp=True), device)
    with pytest.raises(MappingFileError, match="pairs, receptors, latches or words differ"):
        load_mapping(path, network(("kill", "dc"), delay="precise"), device)


CASES = {
    "a bias without its latch": (
        [('alpha_ampa = { register = "alpha_ampa", default = false, source = "assumed" }\n', "")],
        "biases: parameter 'I_tau_ampa_i' is set by 1 biases; allowed 0: no latch of the device needs it",
    ),
    "a latch without its bias": (
        [('B_I_rev_ampa = { parameter = "I_rev_ampa",', 'B_I_rev_ampa = { parameter = "I_rev_nmda",')],
        "biases: parameter 'I_rev_ampa' is set by 0 biases; allowed 1: a latch of the device needs it",
    ),
    "a latch without its table": (
        [('[depression]\nC_std = { value = "2 pF", source = "assumed" }\n', "")],
        "depression is missing; latch 'stp' needs the table",
    ),
    "an unknown latch": ([('\nkill = {', '\nkil = {')], "unknown name 'kil'; nearest: kill"),
    "an unknown source": (
        [('{ register = "kill", default = false, source = "assumed" }',
          '{ register = "kill", default = false, source = "hearsay" }')],
        "latches.kill.source: unknown source 'hearsay'",
    ),
    "a latch without default": (
        [('{ register = "kill", default = false, source', '{ register = "kill", source')],
        "latches.kill.default: missing; write default = false",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_malformed_latches_are_refused(case, toml_file):
    changes, message = CASES[case]
    text = FILE.read_text()
    for old, new in changes:
        assert text.count(old) == 1
        text = text.replace(old, new)
    with pytest.raises(DeviceFileError) as caught:
        load_device(toml_file(text, "broken.toml"))
    assert message in str(caught.value)


def test_a_device_shows_its_latches_and_that_they_are_modelling_choices(device):
    shown = str(device)
    assert "latches (names published, circuits not: what they do is a modelling choice)" in shown
    assert "homeostasis (equation not published: modelling choice)" in shown
    assert all(len(line) <= 100 for line in shown.splitlines())
    assert "latches (names" not in str(load_device("dynapse1"))


def parameter_fields(device, latches, receptor="ampa", **changes):
    emulator = se2.latched(device, latches, receptor=receptor, changes=changes)
    return Lanes(emulator.mapped).fields(emulator.state, 0, at.N_FIELDS)[0, :, 0]


@pytest.mark.parametrize(
    ("latch", "field"),
    [("dc", at.I_DC), ("adaptation", at.AHP_JUMP), ("exponential", at.FB_GAIN), ("nmda_gate", at.I_NMDA_THR)],
)
def test_a_switch_of_the_soma_changes_exactly_its_field(device, latch, field):
    currents = {"I_dc": 50e-12, "I_ahp_gain": 4e-12, "I_ahp_w": 2e-12, "I_nmda_thr": 20e-12}
    off, on = (parameter_fields(device, latches, **currents) for latches in ((), (latch,)))
    assert list(np.flatnonzero(off != on)) == [field]
    assert off[field] == 0 < on[field]


def test_a_killed_neuron_rests_whatever_reaches_it(device):
    for latches, silent in ((("dc",), False), (("dc", "kill"), True)):
        emulator = se2.latched(device, latches, n=4, changes={"I_dc": 2e-9})
        recording = emulator.run(np.array([300.0]), 0.2, ("I_mem",))
        assert (recording.sizes["spike"] == 0) is silent
        assert bool(np.all(recording.I_mem == pytest.approx(1e-12))) is silent


def test_a_population_without_latched_dendrites_does_not_notice_one_that_has_them(device):
    # same dies, same noise: the second population must have the same bits whatever the first one is
    states = []
    for latches in ((), ("alpha_ampa", "conductance_nmda", "homeostasis_ampa")):
        point, net = se2.bench_point(device), Network("mixed")
        source = net.sources("in", 2)
        first = net.population("first", 20, point=se2.POINT, latches=latches)
        second = net.population("second", 20, point=se2.POINT, latches=())
        for cells in (first, second):
            net.project(source, cells, receptor="ampa", words=4)
            net.project(source, cells, receptor="nmda", words=4)
        effects = ("mismatch_within_core", "thermal_noise", "input_noise")
        emulator = bench(map_network(net, device), point, dies(device, point, [3], effects), precision="float32")
        emulator.advance(poisson([[200.0, 90.0]], 0.2, DT, seed=1), 0.2)
        fields = Lanes(emulator.mapped).fields(emulator.state, 0, at.N_FIELDS)
        states.append((fields[:, :, :20], fields[:, :, 20:]))
    assert np.array_equal(states[0][1], states[1][1])
    assert not np.array_equal(states[0][0], states[1][0])


def test_a_latched_run_goes_on_where_it_stopped_in_any_batch(device):
    def build(seeds):
        latches = ("alpha_ampa", "conductance_ampa", "homeostasis_ampa", "exponential")
        point, net = se2.bench_point(device), Network("parts")
        source, cells = net.sources("in", 1), net.population("cells", 20, point=se2.POINT, latches=latches)
        net.project(source, cells, receptor="ampa", words=8, stp=True)
        net.project(cells, cells, receptor="nmda", pairs="one", stp=True)
        effects = ("mismatch_within_core", "thermal_noise")
        return bench(map_network(net, device), point, dies(device, point, seeds, effects), precision="float32")

    whole, pieces, batch = build([1]), build([1]), build([2, 1, 3])
    events = one_event(0.01)
    for emulator, parts in ((whole, (0.06,)), (batch, (0.06,)), (pieces, (0.0101, 0.0099, 0.04))):
        for index, part in enumerate(parts):
            drive = events if index == 0 else silence(emulator, part)
            drive = drive.events(emulator.n_runs, part, DT, 1) if index == 0 else drive
            emulator.advance(drive, part)
    assert np.array_equal(whole.state, pieces.state)
    assert np.array_equal(whole.state[0], batch.state[1])
    assert np.array_equal(whole._depression.resource[0], batch._depression.resource[1])


def test_time_passed_brings_dendrites_to_rest(device):
    emulator = se2.latched(device, ("alpha_ampa", "homeostasis_ampa"), stp=True)
    fresh = emulator.state.copy()
    emulator.run(np.array([100.0]), 0.1)
    assert emulator._depression.resource.min() < 1
    emulator.age(0.0)
    assert np.array_equal(emulator.state, fresh)
    assert emulator._depression.resource.min() == 1


def test_show_lists_latches_as_json(capsys):
    from chipemu.cli.chips import show

    show("dynapse2", as_json=True)
    latches = json.loads(capsys.readouterr().out)["latches"]
    assert latches["alpha_ampa"] == {"register": "deam_alpha", "default": False}
    assert latches["dc"]["default"] is True
