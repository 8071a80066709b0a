"""Shipped devices and operating points, inheritance, hashes and provenance."""

import copy
import pickle
import re

import numpy as np
import pytest

from chipemu import library
from chipemu.device import PARAMETERS, load_device, load_point
from chipemu.device_file import read_point
from chipemu.errors import DeviceFileError, PointFileError, UnknownNameError
from chipemu.units import thermal_voltage

DEVICES = library.list_names("devices")
POINTS = library.list_names("devices/points")
DYNAPSE1 = library.find("devices", "dynapse1")[1]


@pytest.mark.parametrize("name", DEVICES)
def test_every_shipped_device_loads_under_its_file_name(name):
    device = load_device(name)
    assert device.name == name
    assert device.path == f"devices/{name}.toml"
    assert max(len(line) for line in str(device).splitlines()) <= 100


@pytest.mark.parametrize("name", DEVICES)
def test_every_number_has_a_source_that_the_file_declares(name):
    device = load_device(name)
    known = {*device.references, "measured", "derived", "assumed"}
    assert {quantity.source for quantity in device.quantities.values()} <= known
    assert all(device.quantity(f"circuit.{key}").value == value for key, value in device.circuit.items())


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", POINTS)
def test_every_shipped_point_fits_every_device_it_is_meant_for(name, device):
    device = load_device(device)
    if not set(read_point(name)[2].point.device) & set(device.lineage):
        with pytest.raises(PointFileError, match=rf"point.device: meant for .*; {device.name} is none of them"):
            load_point(name, device)
        return
    point = load_point(name, device)
    assert point.name == name
    assert set(point.biases) >= set(device.modelled_biases)
    assert max(len(line) for line in str(point).splitlines()) <= 100


def test_dynapse1_has_the_capacities_of_the_chip():
    chip = load_device("dynapse1").chip
    sizes = (chip.n_cores, chip.n_neurons_per_core, chip.n_cam_words, chip.n_sram_words, chip.tag_bits)
    assert sizes == (4, 256, 64, 4, 10)


def test_dynapse1_has_25_biases_of_which_every_parameter_is_set_once():
    device = load_device("dynapse1")
    parameters = [entry.parameter for entry in device.biases.values() if entry.parameter]
    assert len(device.biases) == 25
    assert sorted(parameters) == sorted(PARAMETERS)
    assert device.modelled_biases == tuple(n for n, entry in device.biases.items() if entry.parameter)


def test_dynapse2_has_the_capacities_of_the_chip():
    plain, dense = load_device("dynapse2"), load_device("dynapse2-dense")
    sizes = [
        (d.chip.n_cores, d.chip.n_neurons_per_core, d.chip.n_cam_words, d.chip.n_sram_words) for d in (plain, dense)
    ]
    assert sizes == [(4, 256, 64, 4), (4, 64, 256, 4)]
    assert (plain.chip.tag_bits, plain.routing.free_tags, plain.routing.n_hops) == (11, True, 7)
    assert not load_device("dynapse1").routing.free_tags


def test_dynapse2_sets_its_threshold_and_its_base_currents_by_biases():
    device = load_device("dynapse2")
    assert "I_spkthr" not in device.circuit
    registers = [device.register(name) for name in ("I_spkthr", "I_w0", "I_w3", "I_tau")]
    assert registers == ["SOIF_SPKTHR_P", "SYAM_W0_P", "SYAM_W3_P", "SOIF_LEAK_N"]
    with pytest.raises(UnknownNameError, match="'I_w_ampa'"):
        device.register("I_w_ampa")


def test_every_modelled_bias_has_a_generator_of_its_polarity():
    device = load_device("dynapse2")
    assert set(device.generators) == set(device.modelled_biases)
    largest = {name[-1]: generator.I_max[-1] for name, generator in device.generators.items()}
    assert largest == {"N": 2.28e-6, "P": 2.24e-6}
    assert device.bias_generator is None


def test_the_threshold_of_a_point_is_a_bias_where_there_is_one(toml_file):
    text = library.find("devices/points", "se2-output")[1]
    device = load_device("dynapse2")
    with pytest.raises(PointFileError, match=r"I_spkthr = 400 fA are out of order; allowed I0 <= I_reset < I_spkthr"):
        load_point(toml_file(text.replace('current = "2 nA"', 'current = "0.4 pA"')), device)
    constant = '\n[circuit]\nI_spkthr = { value = "2 nA", source = "assumed" }\n'
    with pytest.raises(PointFileError, match=r"circuit.I_spkthr: dynapse2 sets it by a bias, SOIF_SPKTHR_P"):
        load_point(toml_file(text + constant, "b.toml"), device)


DYNAPSE2 = library.find("devices", "dynapse2")[1]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('polarity = "n", factor = "leak"', 'polarity = "n"', "SOIF_LEAK_N: polarity or factor is missing"),
        ('factor = "leak"', 'factor = "leek"', "SOIF_LEAK_N: unknown factor 'leek'; nearest: leak"),
        ('kind     = "table"', 'kind     = "linear"', "bias_generator: I_max is missing; a generator of kind 'linear'"),
        ("drop_32 ", "drop_31 ", "bias_generator.drop_31: unknown key; nearest: drop_32"),
        ("0.034, 0.007]", "0.034]", "drop_32 has 5 ranges, p.I_max 6"),
        ("0.034, 0.007]", "0.034, 0.7]", "allowed a list of fractions from 0.0 to 0.2"),
        ('["100 pA", 0.61]', '["0.1 pA", 0.61]', "factors.leak: .* rising currents, 0.01 to 10"),
        (
            'parameter = "I_w3"',
            'parameter = "I_w_ampa"',
            "'I_w_ampa' does not exist on a device whose weights",
        ),
        ('parameter = "I_w3"', 'parameter = "I_w2"', "parameter 'I_w3' is set by 0 biases"),
        (
            "[circuit]",
            '[circuit]\nI_spkthr = { value = "2 nA", source = "assumed" }',
            "circuit.I_spkthr: set by a bias",
        ),
        ("n_hops    = { value = 7", "n_hops    = { value = -7", "routing.n_hops: -7 is not usable; allowed 0 to 64"),
    ],
)
def test_a_broken_dynapse2_is_refused_by_key(toml_file, old, new, message):
    assert old in DYNAPSE2
    with pytest.raises(DeviceFileError, match=message):
        load_device(toml_file(DYNAPSE2.replace(old, new, 1)))


def test_generator_floor_gives_the_measured_longest_time_constant():
    device = load_device("dynapse1")
    tau = device.circuit["C_mem"] * thermal_voltage(298.15) / (device.circuit["kappa"] * device.bias_generator.floor)
    assert tau == pytest.approx(81e-3, rel=0.03)  # saturation of tau_mem, Zendrikov 2024


def test_plastic_device_differs_from_dynapse1_only_in_its_synapses():
    plastic, plain = load_device("dynapse1-plastic"), load_device("dynapse1")
    assert plain.plastic is None
    assert plain.signals == ()
    assert plastic.plastic.code_max == 15
    for_outputs = {"presynaptic_spike", "feedback_current", "learn_enable"}
    assert set(plastic.signals) == for_outputs | {"apical_current", "recent_activity"}
    assert (plastic.circuit, plastic.mismatch, plastic.noise) == (plain.circuit, plain.mismatch, plain.noise)
    assert plastic.capacity_hash == plain.capacity_hash
    assert plastic.hash != plain.hash
    new = [key for key in plastic.quantities if key not in plain.quantities]
    assert new
    assert all(plastic.quantity(key).source == "assumed" for key in new)


def test_ideal_has_exact_currents_and_no_spread():
    ideal, plain = load_device("ideal"), load_device("dynapse1")
    assert ideal.bias_generator is None
    assert ideal.weights == "float"
    assert not any(ideal.mismatch.within_core.values())
    assert not any(ideal.mismatch.between_cores.values())
    assert not any(ideal.mismatch.between_dies.values())
    assert (ideal.mismatch.slot, ideal.noise.thermal_eta, ideal.noise.input_std) == (0.0, 0.0, 0.0)
    assert (ideal.chip, ideal.circuit) == (plain.chip, plain.circuit)


def test_mismatch_is_complete_and_a_missing_entry_answers_with_its_default():
    device = load_device("dynapse1")
    assert set(device.mismatch.within_core) == {*PARAMETERS, "I_reset", "I_spkthr"}
    assert set(device.mismatch.between_cores) == set(device.modelled_biases)
    assert device.quantity("mismatch.between_cores.IF_DC_P").source == "assumed"
    assert device.quantity("mismatch.between_cores.IF_TAU1_N").source == "zendrikov-2024"


def test_unknown_quantity_offers_the_nearest_key():
    with pytest.raises(UnknownNameError, match=r"circuit\.C_mem"):
        load_device("dynapse1").quantity("circuit.C_men")


def test_a_corrected_citation_changes_the_hash_but_not_the_capacity_hash(toml_file):
    plain = load_device("dynapse1")
    cited = load_device(toml_file(DYNAPSE1.replace('note = "16 x 16"', 'note = "a 16 x 16 array"')))
    smaller = load_device(toml_file(DYNAPSE1.replace("{ value = 64,", "{ value = 63,"), "b.toml"))
    assert cited.hash != plain.hash
    assert cited.capacity_hash == plain.capacity_hash != smaller.capacity_hash


def test_comments_and_spacing_do_not_change_the_hash(toml_file):
    spaced = re.sub(r"^(\w+) += ", r"\1    =  ", re.sub(r"#.*\n", "\n", DYNAPSE1), flags=re.MULTILINE)
    assert load_device(toml_file(spaced)).hash == load_device("dynapse1").hash


def test_a_description_is_frozen_and_travels_by_pickle():
    device = load_device("dynapse1")
    for twin in (pickle.loads(pickle.dumps(device)), copy.deepcopy(device), load_device("dynapse1")):
        assert twin == device
        assert hash(twin) == hash(device)
    with pytest.raises(TypeError):
        device.circuit["C_mem"] = 1.0
    with pytest.raises(AttributeError):
        device.name = "other"


CHILD = 'schema = 1\nextends = "{}"\nname = "{}"\ntitle = "t"\nsummary = "s"\n'


def test_a_user_file_extends_a_shipped_device_and_uses_its_points(toml_file):
    text = CHILD.format("dynapse1", "mine") + '[circuit]\nC_mem = { value = "3 pF", source = "assumed" }\n'
    device = load_device(toml_file(text))
    assert device.circuit["C_mem"] == pytest.approx(3e-12)
    assert device.circuit["C_ahp"] == load_device("dynapse1").circuit["C_ahp"]
    assert device.lineage == ("mine", "dynapse1")
    assert load_point("output", device).devices == ("dynapse1",)


def test_a_file_next_to_the_extending_one_is_found(toml_file):
    toml_file(CHILD.format("dynapse1", "near"), "near.toml")
    assert load_device(toml_file(CHILD.format("near", "far"), "far.toml")).lineage == ("far", "near", "dynapse1")


def test_a_circle_and_a_long_chain_are_refused(toml_file):
    toml_file(CHILD.format("b", "a"), "a.toml")
    with pytest.raises(DeviceFileError, match=r"extends.*allowed 4 files"):
        load_device(toml_file(CHILD.format("a", "b"), "b.toml"))


def test_all_faults_are_reported_at_once(toml_file):
    text = DYNAPSE1.replace('"0.7 V"', '"0.7 A"').replace("value = 0.705", "value = 7").replace("C_ahp  ", "C_aph  ")
    with pytest.raises(DeviceFileError) as raised:
        load_device(toml_file(text))
    lines = str(raised.value).splitlines()
    assert len(lines) == 4
    for key in ("circuit.V_th", "circuit.kappa", "circuit.C_aph", "circuit.C_ahp"):
        assert any(f": {key}: " in line for line in lines)


def test_reference_point_has_a_thermal_voltage_of_25_mV():
    point = load_point("ds-fi", load_device("dynapse1"))
    assert thermal_voltage(point.temperature) == pytest.approx(25e-3, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "tau_mem", "t_ref"),
    [("ds-fi", 14.18e-3, 5e-3), ("output", 20e-3, None), ("controller", 20e-3, None), ("mismatch-fit", 20e-3, 7e-3)],
)
def test_points_reach_their_stated_times(name, tau_mem, t_ref):
    # tau = C U_T / (kappa I_tau); t_ref = V_th C_ref / I_ref
    device = load_device("dynapse1")
    point, circuit = load_point(name, device), device.circuit
    factor = circuit["C_mem"] * thermal_voltage(point.temperature) / circuit["kappa"]
    assert factor / point.biases["IF_TAU1_N"] == pytest.approx(tau_mem, rel=2e-3)
    if t_ref:
        assert circuit["V_th"] * circuit["C_ref"] / point.biases["IF_RFR_N"] == pytest.approx(t_ref, rel=2e-3)


def test_a_code_means_the_generators_current(toml_file):
    text = library.find("devices/points", "ds-fi")[1].replace('{ current = "5 pA"', "{ coarse = 0, fine = 85", 1)
    point = load_point(toml_file(text), load_device("dynapse1"))
    assert point.codes == {"IF_TAU1_N": (0, 85)}
    assert point.biases["IF_TAU1_N"] == pytest.approx(5e-12)
    assert np.isfinite(list(point.biases.values())).all()
