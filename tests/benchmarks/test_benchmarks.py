"""The loads do what they say, the step written by hand agrees with the kernel, and `chipemu bench` says what it should.

Nothing here looks at a time: that would fail on a busy machine.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

from chipemu import Network, map_network
from chipemu.bench.speed import NOISY, SILENCE, Bench, limit
from chipemu.bench.step import FIELDS, blocks_of, compile_step, find_compiler
from chipemu.bench.timing import cpu_seconds, median_ratio, threads
from chipemu.bench.work import (
    GRID,
    POINT,
    A,
    B,
    Work,
    synaptic_events,
    work_chips,
    work_device,
    work_emulator,
    work_input,
    work_network,
)
from chipemu.cli import main
from chipemu.kernels.jit import INTERPRETED

pytestmark = pytest.mark.skipif(INTERPRETED, reason="needs compiled kernels")
SMALL = Work("small", 64, 32, duration=0.05, input_rate=300.0)


def rates(recording, work):
    place = recording["spike_run"].values * work.n_neurons + recording["spike_neuron"].values
    return np.bincount(place, minlength=work.n_dies * work.n_neurons) / work.duration


def test_work_a_is_what_it_says():
    bench = Bench(A)
    recording = bench.run()
    rate = rates(recording, A)
    assert bench.neuron_steps == pytest.approx(1024 * 10_000)
    assert rate.mean() == pytest.approx(40, rel=0.15)
    # spread over the neurons as 20 % mismatch and random weights make it: some hardly fire, none runs away
    assert np.percentile(rate, 5) < 10
    assert 60 < np.percentile(rate, 95) < 120
    n_events = synaptic_events(bench.mapped, bench.stimulus, recording["spike_neuron"].values)
    assert n_events == pytest.approx(3e6, rel=0.05)
    assert 64 * 1024 * 0.97 < len(bench.mapped.edges) <= 64 * 1024
    assert bench.mapped.fixed_use.tolist() == [64] * 1024


def test_work_b_is_what_it_says():
    work = replace(B, n_dies=10)
    bench = Bench(work)
    recording = bench.run()
    rate = rates(recording, work)
    assert rate.mean() == pytest.approx(40, rel=0.15)
    assert B.n_dies * B.n_neurons * B.duration / GRID == 64_000_000
    by_die = rate.reshape(10, -1).mean(1)
    assert len(set(by_die)) > 1
    n_events = synaptic_events(bench.mapped, bench.stimulus, recording["spike_neuron"].values, 10)
    # two words on one pair are one event, and 32 words from 16 inputs often are
    assert n_events == pytest.approx(1.55e6, rel=0.1)


def test_every_current_and_word_is_spread_by_a_fifth():
    (chip,) = work_chips(A)
    for name in ("I_tau", "I_gain", "I_w_nmda", "I_tau_gaba_b", "I_ahp_w", "I_spkthr"):
        factor = chip.neuron_factor[name]
        assert factor.std() / factor.mean() == pytest.approx(0.2, abs=0.02)
    words = chip.slot_factor(np.array([[0, 0], [3, 255]]))
    assert words.std() / words.mean() == pytest.approx(0.2, abs=0.04)


def test_input_does_not_depend_on_the_step():
    stimulus = work_input(SMALL)
    coarse, fine = (stimulus.events(1, SMALL.duration, dt, SMALL.n_inputs) for dt in (GRID, GRID / 8))
    np.testing.assert_array_equal(fine.step, coarse.step * 8)


def test_networks_larger_than_a_chip_get_more_cores():
    assert work_device(1024) == work_device(1000)
    assert work_device(4096).chip.n_cores == 16
    assert work_device(100).chip.n_neurons_per_core == 100
    assert work_network(replace(SMALL, n_neurons=300)).populations[0].n == 300


def test_noise_changes_spikes():
    quiet, noisy = Bench(SMALL), Bench(SMALL, NOISY)
    assert quiet.run().sizes["spike"] > 0
    assert not np.array_equal(quiet.run()["spike_time"].values, noisy.run()["spike_time"].values)


def feed_forward():
    """Neurons that hear inputs and not one another, so that nothing happens in a silent step but the step itself."""
    net = Network("feed forward")
    inputs, cells = net.sources("inputs", SMALL.n_inputs), net.population("cells", SMALL.n_neurons, point=POINT)
    rng = np.random.default_rng(1)
    for receptor in ("ampa", "nmda", "gaba_a", "gaba_b"):
        pairs = np.argwhere(rng.random((inputs.n, cells.n)) < 0.25)
        net.project(inputs, cells, receptor=receptor, pairs=pairs)
    mapped = map_network(net, work_device(SMALL.n_neurons))
    emulator = work_emulator(mapped, work_chips(SMALL))
    emulator.run(work_input(SMALL), SMALL.duration)
    return emulator


@pytest.mark.skipif(find_compiler() is None, reason="needs a C++ compiler")
def test_step_by_hand_agrees_with_the_kernel():
    by_hand, emulator, n_steps = compile_step(find_compiler()), feed_forward(), 300
    silence = SILENCE.events(1, n_steps * GRID, GRID, SMALL.n_inputs)
    blocks = blocks_of(emulator)
    first = blocks.copy()
    n_spikes = by_hand.run(blocks, n_steps, emulator.mapped.device.circuit["I0"] * 1e12)
    window = emulator.advance(silence, n_steps * GRID)
    assert n_spikes == window.count.sum() > 20
    after = blocks_of(emulator)
    names = list(FIELDS)
    for name in ("AMPA", "NMDA", "GABA_A", "GABA_B", "AHP", "Y", "DEAD"):
        f = names.index(name)
        assert not np.array_equal(first[:, f], blocks[:, f])
        np.testing.assert_allclose(blocks[:, f], after[:, f], rtol=1e-3, atol=1e-3, err_msg=name)


def test_blocks_of_another_form_are_refused():
    by_hand = compile_step(find_compiler()) if find_compiler() else pytest.skip("needs a C++ compiler")
    with pytest.raises(ValueError, match=r"shape \(2, 3, 16\)"):
        by_hand.run(np.zeros((2, 3, 16), np.float32), 1, 1.0)


def test_without_a_compiler_the_limit_says_so(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    found = limit(None)
    assert found["fraction_of_limit"] is None
    assert "no C++ compiler" in found["limit_note"]


def test_timing_takes_calls_in_turn():
    order = []
    seconds = cpu_seconds({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert seconds["a"].shape == (2,)
    assert median_ratio(np.array([2.0, 9.0, 4.0]), np.array([1.0, 3.0, 2.0])) == 2.0
    with threads(1):
        pass


def test_bench_prints_its_figures(capsys):
    with pytest.raises(SystemExit) as left:
        main(["bench", "--quick", "--json"])
    assert left.value.code == 0
    seen = json.loads(capsys.readouterr().out)
    for key in ("neuron_steps_per_s_per_core", "neuron_ms_per_s_per_core", "synaptic_events_per_s_per_core"):
        assert seen[key] > 0
    assert "fraction_of_limit" in seen
    assert seen["fraction_of_limit"] is None or seen["fraction_of_limit"] > 0
    effects = {row["effect"] for row in seen["effects"]}
    assert {"all off", "thermal_noise", "input_noise", "flicker_noise", "all on"} <= effects
    assert [row["n_neurons"] for row in seen["neurons"]] == [64, 128]
    assert {row["n_threads"] for row in seen["threads"]} <= {1, 2}


def test_bench_prints_a_table(capsys):
    with pytest.raises(SystemExit):
        main(["bench", "--quick"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert any("neuron steps of 0.1 ms" in line for line in lines)
