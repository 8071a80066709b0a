"""Laws of events on their way: how many are lost, how late they are, and that plastic synapses see the same ones."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from chipemu.chip import sample_chip
from chipemu.device import load_device
from chipemu.effects import all_but
from chipemu.emulator import DEFAULT_DT, Emulator
from chipemu.errors import DeviceFileError
from chipemu.kernels import layout as at
from chipemu.kernels.layout import LANES, N_RECEPTORS
from chipemu.kernels.transit import Transit
from chipemu.mapping import map_network
from chipemu.network import Network
from chipemu.stimulus import EventList
from chipemu.transit import build_transit, sender_addresses
from chipemu.validation.transit import DURATION, N_SOURCES, arrivals, lateness, sender_bench, train
from chipemu.wiring import Lanes

DT, SEEDS = DEFAULT_DT, tuple(range(8))


@pytest.fixture(scope="module")
def device():
    device = load_device("dynapse1-plastic")
    return dataclasses.replace(device, noise=dataclasses.replace(device.noise, event_jitter=10e-6, event_loss=0.01))


def plastic_bench(device, *effects, scale, seeds):
    """As `sender_bench`, over plastic synapses."""
    net = Network("transit")
    inputs, cells = net.sources("inputs", N_SOURCES), net.population("cells", N_SOURCES, point="mismatch-fit")
    net.project_signed(inputs, cells, positive="ampa", negative="gaba_b", name="w", store="plastic", pairs="one")
    chip = sample_chip(device, 1, without=all_but(effects), scale=scale)
    emulator = Emulator([chip], map_network(net, device), noise_seeds=seeds, precision="float64")
    emulator.upload({"w": np.full(N_SOURCES, 10)})
    return emulator


def test_events_arrive_at_once_without_either_effect(device):
    assert np.all(arrivals(sender_bench(device, seeds=(0,))) == 0)


def test_as_many_events_are_lost_as_asked_for(device):
    lost = np.isnan(arrivals(sender_bench(device, "event_loss", scale={"event_loss": 10}, seeds=SEEDS)))
    # 64 000 events lost with probability 0.1; the same fraction for every source and in every run
    assert stats.binomtest(int(lost.sum()), lost.size, 0.1).pvalue > 1e-3
    per_source = np.stack([lost.sum((0, 2)), (~lost).sum((0, 2))])
    assert stats.chi2_contingency(per_source).pvalue > 1e-3
    assert abs(np.corrcoef(lost[0].ravel(), lost[1].ravel())[0, 1]) < 4 / np.sqrt(lost[0].size)


def test_delays_in_the_arbiter_are_exponential(device):
    # an event sent at a uniform instant of its step arrives floor(f + t) steps later, t exponential of mean 2 steps
    late = arrivals(sender_bench(device, "event_jitter", scale={"event_jitter": 20}, seeds=SEEDS))
    assert np.isnan(late).mean() < 1e-3
    late, mean = late[~np.isnan(late)], 2.0
    assert late.mean() == pytest.approx(mean, rel=5 * 1.1 / np.sqrt(late.size))
    count = np.bincount(np.minimum(late.astype(int), 9), minlength=10)
    assert stats.chisquare(count, late.size * lateness(mean, 10)).pvalue > 1e-3


@pytest.mark.parametrize("mean", [0.02, 1.0, 7.0])
def test_lateness_is_the_integral_over_the_step(mean):
    f = (np.arange(20_000) + 0.5) / 20_000
    n = np.arange(5)[:, None]
    cumulative = -np.expm1(-np.maximum(n + 1 - f, 0) / mean) + np.expm1(-np.maximum(n - f, 0) / mean)
    np.testing.assert_allclose(lateness(mean, 6)[:5], cumulative.mean(1), rtol=1e-6, atol=1e-12)


def test_a_plastic_synapse_sees_the_events_that_a_word_sees(device):
    effects = ("event_loss", "event_jitter")
    scale = {"event_loss": 10, "event_jitter": 20}
    word = sender_bench(device, *effects, scale=scale, seeds=(3,))
    plastic = plastic_bench(device, *effects, scale=scale, seeds=(3,))
    np.testing.assert_array_equal(arrivals(word), arrivals(plastic))


def delayed(emulator, delay):
    """Give every connection a delay [steps], (run, connection), as a device with delayed synapses would."""
    memory, lanes = emulator._memory, emulator._lanes
    memory.wiring = memory.wiring._replace(delay=np.asarray(delay, np.int32))
    emulator._transit = build_transit(
        emulator.mapped, lanes, emulator.chips, len(emulator.noise_seeds), memory.wiring, emulator.dt, np.float64
    )
    return emulator


@pytest.mark.parametrize("receptor", ["ampa", "gaba_a"])
def test_a_delayed_connection_is_late_by_its_delay(device, receptor):
    delay = np.stack([np.arange(N_SOURCES), np.arange(N_SOURCES)[::-1]])
    emulator = delayed(sender_bench(device, seeds=(0, 1), receptor=receptor), delay)
    late = arrivals(emulator, f"I_{receptor}")
    assert np.all(late == delay[:, :, None])


def test_a_delay_moves_a_current_and_does_not_change_it(device):
    at_once = sender_bench(device, seeds=(0,))
    late = delayed(sender_bench(device, seeds=(0,)), np.full((1, N_SOURCES), 7))
    events = train()
    first, second = (e.run(events, DURATION, ("I_ampa",)).I_ampa.values[0] for e in (at_once, late))
    np.testing.assert_allclose(second[:, 7:], first[:, :-7], rtol=1e-12)


def test_what_is_on_its_way_survives_a_call_and_a_rest(device):
    def both():
        scale = {"event_loss": 10, "event_jitter": 20}
        emulator = sender_bench(device, "event_loss", "event_jitter", scale=scale, seeds=SEEDS)
        return delayed(emulator, np.tile(np.arange(N_SOURCES) % 5, (len(SEEDS), 1)))

    whole, parts = both(), both()
    events = train()
    whole.advance(events.events(len(SEEDS), DURATION, DT, N_SOURCES), DURATION)
    for first in np.arange(0, DURATION, 0.1):
        now = (events.time >= first - 1e-9) & (events.time < first + 0.1 - 1e-9)
        part = EventList(np.maximum(events.time[now] - first, 0), events.source[now])
        parts.advance(part.events(len(SEEDS), 0.1, DT, N_SOURCES), 0.1)
        # a die that rests keeps what is on its way
        rest = np.zeros(len(SEEDS), bool)
        parts.advance(EventList(np.zeros(0), np.zeros(0)).events(len(SEEDS), 0.05, DT, N_SOURCES), 0.05, active=rest)
    assert np.array_equal(whole.state, parts.state)
    for ring in ("held", "n_held", "pulse", "touched"):
        assert np.array_equal(getattr(whole._transit, ring), getattr(parts._transit, ring)), ring


def test_idle_time_empties_the_way(device):
    emulator = delayed(sender_bench(device, seeds=SEEDS), np.full((len(SEEDS), N_SOURCES), 3))
    emulator.advance(EventList(np.zeros(1), np.zeros(1)).events(len(SEEDS), DT, DT, N_SOURCES), DT)
    assert emulator._transit.pulse.any()
    emulator.age("1 h")
    assert not emulator._transit.pulse.any()
    assert not emulator._transit.touched.any()


def test_every_sender_has_an_address_of_its_own(device):
    emulator = sender_bench(device, seeds=(0,))
    lanes = Lanes(emulator.mapped)
    address = sender_addresses(emulator.mapped, lanes)
    n_sources = emulator.mapped.n_sources
    address = np.concatenate([address[:n_sources], address[n_sources + lanes.lane]])  # without padding
    assert len(np.unique(address)) == len(address)


def test_without_either_effect_nothing_is_kept(device):
    transit = sender_bench(device, seeds=(0,))._transit
    assert isinstance(transit, Transit)
    assert transit.held.size == transit.pulse.size == 0


def test_a_device_that_loses_too_much_is_refused(tmp_path):
    text = '{extends}\n[noise]\nevent_loss = {{ value = 0.5, source = "assumed" }}\n'
    head = 'schema = 1\nextends = "dynapse1"\nname = "lossy"\ntitle = "t"\nsummary = "s"'
    path = tmp_path / "lossy.toml"
    path.write_text(text.format(extends=head))
    with pytest.raises(DeviceFileError, match=r"event_loss.*0\.5 is out of range; allowed 0 to 0\.01"):
        load_device(path)


def test_pulses_of_a_block_are_side_by_side():
    # the ring copies them as one stretch
    assert at.PULSES == N_RECEPTORS * at.LANES
    assert N_RECEPTORS * LANES == 64
