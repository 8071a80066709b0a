"""Weight stores: published numbers of their laws, verbs in their order, and effects that change what they list."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from chipemu.chip import sample_chip
from chipemu.device import load_device
from chipemu.effects import EFFECTS
from chipemu.emulator import Emulator
from chipemu.errors import InputError
from chipemu.mapping import map_network
from chipemu.network import Network
from chipemu.stimulus import EventList, regular
from chipemu.store import noise_growth

DAY, WEEK = 86400.0, 7 * 86400.0
US = 1e6
MEMRISTIVE = ("memristive", "memristive-rram", "memristive-cmo")
STORES = (*MEMRISTIVE, "bistable")
ON_PAIRS = ("programming_noise", "read_noise", "conductance_drift")
CODES = np.tile(np.arange(-15, 16), 32)


def build(name, *effects, seeds=(1,), device=None, **options):
    """Dies whose 992 synapses hold every code 32 times, with these effects alone."""
    device, net = device or load_device(name), Network("stores")
    inputs, cells = net.sources("inputs", 31), net.population("cells", 32, point="output")
    net.project_signed(inputs, cells, positive="ampa", negative="gaba_b", name="w", store="plastic")
    chips = [sample_chip(device, seed, without=[n for n in EFFECTS if n not in effects]) for seed in seeds]
    emulator = Emulator(chips, map_network(net, device), **{"precision": "float64"} | options)
    emulator.program({"w": CODES})
    return emulator


def spread(emulator):
    """Standard deviation of what acts around the code, in code steps."""
    return (emulator.read_weights()["w"] - CODES).std()


# --- laws -----------------------------------------------------------------------------------------------------


def test_phase_change_laws_have_the_published_numbers():
    # sigma_prog, mean and sigma of nu, Q_s at g = 0.5 and 0.02, by hand from the coefficients of aihwkit
    store = load_device("memristive").store
    np.testing.assert_allclose(US * store.programming_sigma(np.array([0.5, 1.0])), [0.952705, 1.05538], rtol=1e-5)
    np.testing.assert_allclose(
        store.drift_exponent(np.array([0.5, 0.02])), [[0.049, 0.085036], [0.008, 0.043]], rtol=1e-3
    )
    np.testing.assert_allclose(store.read_sigma(np.array([0.5, 0.02, 0.0])), [0.013809, 0.111900, 0.2], rtol=1e-3)
    assert noise_growth(20.0, store.t_read) == pytest.approx(np.sqrt(np.log(4e7)), rel=1e-6)


def test_rram_spreads_have_the_published_numbers():
    store = load_device("memristive-rram").store
    np.testing.assert_allclose(US * store.spread(1.0), [1.103, 2.651, 2.677], rtol=1e-6)
    np.testing.assert_allclose(US * store.spread(0.5)[0], 2.0230, rtol=1e-3)


def test_cmo_laws_have_the_published_numbers():
    store = load_device("memristive-cmo").store
    assert US * store.programming_sigma(50e-6) == pytest.approx(0.01121854 + 0.01129027 * 50)
    assert US * store.read_sigma(50e-6) == pytest.approx(0.0277316 * np.log10(50), rel=1e-5)


@pytest.mark.parametrize("name", MEMRISTIVE)
def test_every_law_is_given_for_every_code_and_none_is_negative(name):
    device = load_device(name)
    laws = device.store.laws(device.plastic.code_max)
    assert len(laws.target) == len(laws.error) == len(laws.exponent) == len(laws.shift) == len(laws.read) == 16
    for table in (laws.target, laws.error, laws.exponent, laws.shift[:, :, 1], laws.read):
        assert (table >= 0).all()
    np.testing.assert_allclose(np.diff(laws.target), 1.0)


@pytest.mark.parametrize(("leak", "refresh"), [(1e-15, 5e-15), (5e-15, 1e-15), (1e-15, 0.0), (0.0, 5e-15)])
@pytest.mark.parametrize("duration", [5.0, 40.0, 300.0])
def test_a_capacitor_follows_its_differential_equation(leak, refresh, duration):
    device = load_device("bistable")
    store = dataclasses.replace(device.store, I_leak=leak, I_refresh=refresh)
    emulator = build("bistable", "weight_leak", device=dataclasses.replace(device, store=store))
    emulator.age(duration)
    scale = store.codes_per_volt(15)

    def slope(t, v):
        pull = np.where(v > 1e-9, refresh, -refresh)
        return (pull - leak) / store.C * scale * ~(((v >= 15) & (pull > leak)) | ((v <= -15) & (pull < leak)))

    solved = solve_ivp(slope, (0, duration), CODES[:31].astype(float), max_step=0.05).y[:, -1]
    np.testing.assert_allclose(emulator.read_weights()["w"][0, :31], np.clip(solved, -15, 15), atol=0.02)


# --- verbs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STORES)
def test_without_effects_a_fresh_weight_is_its_code(name):
    emulator = build(name)
    np.testing.assert_allclose(emulator.read_weights()["w"][0], CODES, atol=1e-12)
    np.testing.assert_array_equal(emulator.weights()["w"][0], CODES)


@pytest.mark.parametrize("name", MEMRISTIVE)
def test_no_conductance_is_ever_negative(name):
    emulator = build(name, *ON_PAIRS, seeds=(1, 2, 3))
    for age in (0.0, DAY, 100 * WEEK):
        emulator.age(age)
        assert emulator.conductances()["w"].min() >= 0


@pytest.mark.parametrize("name", STORES)
def test_ageing_in_two_parts_is_ageing_at_once(name):
    once, twice = (build(name, "programming_noise", "conductance_drift", "weight_leak") for _ in range(2))
    once.age(DAY), twice.age(0.25 * DAY), twice.age(0.75 * DAY)
    np.testing.assert_array_equal(once.read_weights()["w"], twice.read_weights()["w"])


def test_a_write_is_drawn_anew_and_ends_the_drift():
    emulator = build("memristive", "programming_noise", "conductance_drift")
    fresh = emulator.read_weights()["w"]
    emulator.age(WEEK)
    faded = np.abs(emulator.read_weights()["w"]).mean()
    assert faded < 0.8 * np.abs(fresh).mean()
    emulator.program()
    again = emulator.read_weights()["w"]
    assert np.abs(again).mean() == pytest.approx(np.abs(fresh).mean(), rel=0.02)
    assert (again != fresh)[0, CODES != 0].all()


def test_an_upload_writes_what_differs_and_the_ledger_counts_it():
    emulator = build("memristive", "programming_noise")
    before, writes = emulator.read_weights()["w"], emulator.ledger.cell_writes[0]
    assert writes == len(CODES)
    changed = CODES.copy()
    changed[:10] += 1
    emulator.upload({"w": changed})
    assert emulator.ledger.cell_writes[0] == writes + 10
    np.testing.assert_array_equal(emulator.read_weights()["w"][0, 10:], before[0, 10:])
    emulator.program()
    assert emulator.ledger.cell_writes[0] == 2 * writes + 10


def test_compensation_restores_the_mean_and_not_each_weight():
    emulator = build("memristive", *ON_PAIRS)
    fresh = emulator.read_weights()
    emulator.age(WEEK)
    emulator.compensate(fresh)
    emulator.age(1.0)
    now = emulator.read_weights()["w"]
    assert np.abs(now).mean() == pytest.approx(np.abs(fresh["w"]).mean(), rel=0.02)
    assert np.abs(now - fresh["w"]).mean() > 0.1
    emulator.program()
    assert np.abs(emulator.read_weights()["w"]).mean() == pytest.approx(np.abs(fresh["w"]).mean(), rel=0.03)


def test_a_code_store_does_not_age_and_has_no_cells():
    emulator = build("dynapse1-plastic", *ON_PAIRS, "weight_leak")
    emulator.age(WEEK)
    np.testing.assert_array_equal(emulator.read_weights()["w"][0], CODES)
    assert emulator.ledger.cell_writes == 0


@pytest.mark.parametrize("duration", [-1.0, np.inf, np.nan])
def test_an_impossible_age_is_refused(duration):
    with pytest.raises(InputError, match="allowed from 0 s"):
        build("bistable").age(duration)


@pytest.mark.parametrize("name", ["bistable", "dynapse1-plastic"])
def test_what_has_no_conductances_neither_shows_nor_compensates_them(name):
    emulator = build(name)
    for refused in (emulator.conductances, lambda: emulator.compensate(emulator.read_weights())):
        with pytest.raises(InputError, match=f"{name} has none"):
            refused()


def test_weights_that_read_as_nothing_cannot_be_compensated():
    emulator = build("memristive")
    emulator.program({"w": 0 * CODES})
    with pytest.raises(InputError, match="read 0"):
        emulator.compensate(emulator.read_weights())


# --- effects --------------------------------------------------------------------------------------------------


def arrays(emulator):
    cells = emulator._memory.cells
    return {
        "programming_error": cells.error,
        "read_spread": np.concatenate([cells.read.ravel(), cells.noisy]),
        "drift_law": np.concatenate([cells.exponent.ravel(), cells.shift.ravel()]),
        "leak_rate": cells.slope[:, 0],
    }


@pytest.mark.parametrize(("name", "effect"), [*itertools.product(MEMRISTIVE, ON_PAIRS), ("bistable", "weight_leak")])
def test_a_switch_changes_exactly_the_arrays_it_lists(name, effect):
    without, with_it = arrays(build(name)), arrays(build(name, effect))
    changed = {array for array in without if not np.array_equal(without[array], with_it[array])}
    assert changed == set(EFFECTS[effect].changes)


@pytest.mark.parametrize("name", MEMRISTIVE)
@pytest.mark.parametrize("effect", ON_PAIRS)
def test_an_effect_moves_the_weights_that_act_at_its_own_time(name, effect):
    fresh, old = build(name, effect), build(name, effect)
    old.age(DAY)
    assert spread(old) > 0.03
    if effect == "programming_noise":
        np.testing.assert_array_equal(fresh.read_weights()["w"], old.read_weights()["w"])
    elif effect == "read_noise":
        first = old.read_weights()["w"]
        old.age(1.0)
        assert (old.read_weights()["w"] != first).any()
    else:
        assert spread(fresh) < 0.5 * spread(old)


def test_effects_scale():
    device = load_device("memristive")
    sizes = []
    for scale in (1.0, 2.0):
        emulator = build("memristive", "programming_noise")
        chip = sample_chip(device, 1, without=["read_noise", "conductance_drift"], scale={"programming_noise": scale})
        emulator = Emulator([chip], emulator.mapped, precision="float64")
        emulator.program({"w": np.full(992, 12)})
        sizes.append(emulator.conductances()["w"][0, :, 0].std())
    assert sizes[1] == pytest.approx(2 * sizes[0], rel=1e-6)


def test_leak_pulls_every_capacitor_down_and_refresh_wins_above_the_threshold():
    still, leaky = build("bistable"), build("bistable", "weight_leak")
    still.age(20.0), leaky.age(20.0)
    held, lost = still.read_weights()["w"][0], leaky.read_weights()["w"][0]
    assert (lost <= held).all()
    assert ((held - lost)[(CODES > 0) & (CODES < 10)] > 0.5).all()
    leaky.age(WEEK)
    np.testing.assert_array_equal(leaky.weights()["w"][0], np.where(CODES > 0, 15, -15))


@pytest.mark.parametrize("name", STORES)
def test_what_acts_drives_the_neurons(name):
    """A spike through an aged weight gives the current of that weight, not of the code."""
    emulator = build(name, "programming_noise", "conductance_drift", "weight_leak")
    emulator.age(60.0)
    acting = emulator.read_weights()["w"].reshape(32, 31)
    floor = emulator.mapped.device.circuit["I0"]
    current = emulator.run(EventList([0.0], [27]), 1e-3, ("I_ampa",)).I_ampa.values[0, :, 0] - floor
    ratio = current / acting[:, 27]
    assert current.min() > 0
    assert ratio.std() / ratio.mean() < 0.02
    if name != "bistable":
        assert np.std(current / 12) > 0.01 * current.mean() / 12


# --- the same bits whatever the batch, the order and the cuts -------------------------------------------------


@pytest.fixture(scope="module", params=STORES)
def drive(request):
    device = load_device(request.param)
    device = dataclasses.replace(device, plastic=dataclasses.replace(device.plastic, balance=1.0, step_charge=0.1e-12))
    net = Network("learning")
    inputs, cells = net.sources("inputs", 4), net.population("cells", 20, point="mismatch-fit")
    net.project(inputs, cells, receptor="nmda", words=2)
    net.project_signed(inputs, cells, positive="ampa", negative="gaba_b", name="w", store="plastic")
    mapped = map_network(net, device)

    def build(dies=(1, 2, 3)):
        emulator = Emulator([sample_chip(device, seed) for seed in dies], mapped, noise_seeds=(0, 7))
        emulator.upload({"w": np.arange(80) % 31 - 15})
        emulator.age(50.0)
        return emulator

    return build


def advance(emulator, duration=0.1):
    rates = np.tile([100.0, 200.0, 50.0, 400.0], (emulator.n_runs, 1))
    events = regular(rates, duration, 1e-4, phase=np.zeros_like(rates))
    return emulator.advance(events, duration, learn=np.ones(emulator.n_runs, bool))


def bits(emulator):
    return emulator.state, emulator.weights()["w"], emulator.read_weights()["w"]


def test_a_die_alone_is_the_die_in_a_batch(drive):
    batch, alone = drive(), drive((2,))
    advance(batch), advance(alone)
    assert alone.ledger.cell_writes.min() > 20
    for together, single in zip(bits(batch), bits(alone), strict=True):
        assert np.array_equal(together[2:4], single)
    assert not np.array_equal(batch.weights()["w"][2], batch.weights()["w"][3])


def test_a_run_goes_on_where_it_stopped(drive):
    whole, pieces = drive(), drive()
    advance(whole), advance(pieces, 0.04), advance(pieces, 0.06)
    for one, other in zip(bits(whole), bits(pieces), strict=True):
        assert np.array_equal(one, other)
