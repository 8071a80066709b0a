"""Rules are tables of terms: each signal drives steps as it says, rules mix, and a device refuses what it lacks."""

from dataclasses import replace

import numpy as np
import pytest

from chipemu import Emulator, Network, load_device, map_network, sample_chip
from chipemu.errors import InputError, UnknownNameError
from chipemu.kernels.plastic import Traces, rate_change, trace_spike
from chipemu.learning.experiment import learn
from chipemu.learning.schedule import Schedule
from chipemu.learning.settings import Settings, chip_rules
from chipemu.learning.train import Budget
from chipemu.plasticity import DIFFERENTIAL_HEBBIAN, FEEDBACK_RULE, PlasticityRule, plasticity_rule
from chipemu.stimulus import regular

DT = 5e-4
FAST, SLOW = 20e-3, 60e-3


def traces(tau=(FAST, SLOW)):
    tau = np.array(tau)
    jump = np.expm1(DT / tau) / DT
    return Traces(np.zeros((1, 1, 2)), np.zeros((1, 1), np.int64), jump.reshape(1, 1, 2), DT / tau)


def changes(spikes, n_steps):
    """Fast less slow trace in every step, spikes entered after the step they fall in [Hz]."""
    held, out = traces(), np.zeros(n_steps)
    due = np.zeros(n_steps, bool)
    due[spikes] = True
    for step in range(n_steps):
        out[step] = rate_change(held, 0, 0, step)
        if due[step]:
            trace_spike(held, 0, 0, step)
    return out


def test_traces_are_sums_of_exponentials():
    spikes, now = np.array([3, 40, 41, 200]), 230
    age = DT * (now - spikes)
    fast, slow = (np.exp(-age / tau).sum() * np.expm1(DT / tau) / DT for tau in (FAST, SLOW))
    assert changes(spikes, now + 1)[now] == pytest.approx(fast - slow, rel=1e-12)


def test_a_change_of_rate_adds_up_to_itself_times_the_difference_of_time_constants():
    before, after = np.arange(0, 2000, 40), np.arange(2000, 4000, 10)  # 50, then 200 Hz
    seen = changes(np.concatenate([before, after]), 4000)
    assert abs(seen[1600:2000].mean()) < 0.5  # Hz: nothing while the rate stays
    assert abs(seen[3600:].mean()) < 0.5
    assert seen[2000:3600].sum() * DT == pytest.approx(150 * (SLOW - FAST), rel=0.05)


def driven(device_name, rule, rates, *, n=64, without=("noise", "dead"), word=12):
    """Codes of plastic synapses from one source to neurons whose excitation changes from stretch to stretch."""
    device, net = load_device(device_name), Network("driven")
    source, drive = net.sources("source", 1), net.sources("drive", 1)
    cells = net.population("cells", n, point="output")
    net.project(drive, cells, receptor="ampa", words=word)
    net.project_signed(source, cells, positive="ampa", negative="gaba_b", name="weights", store="plastic")
    emulator = Emulator([sample_chip(device, 1, without=without)], map_network(net, device), dt=DT)
    emulator.set_rule("weights", rule)
    emulator.set_learning_rate(20.0)
    counts, codes = [], []
    for k, rate in enumerate(rates):
        learn = np.array([k > 0])
        events = regular(np.array([[100.0, rate]]), 0.4, DT)
        counts.append(emulator.advance(events, 0.4, learn=learn).count[0])
        codes.append(emulator.weights()["weights"][0])
    return np.array(counts), np.array(codes)


@pytest.mark.parametrize(("rates", "sign"), [((40.0, 120.0), 1), ((120.0, 10.0), -1)])
def test_differential_hebbian_follows_the_change_of_the_rate(rates, sign):
    without = ("noise", "dead", "mismatch_trace")
    counts, codes = driven("dynapse1-extended", DIFFERENTIAL_HEBBIAN, rates, without=without)
    moved = np.abs(counts[1] - counts[0]) >= 10
    assert moved.sum() > 20
    assert sign * codes[1][moved].mean() > 1.0  # code steps; spikes of one neuron scatter as much


def test_gains_of_traces_that_differ_add_the_rate_itself():
    steady = (120.0, 120.0, 120.0)
    alike, spread = (
        driven("dynapse1-extended", DIFFERENTIAL_HEBBIAN, steady, without=("noise", "dead", *off))[1][-1]
        for off in (("mismatch_trace",), ())
    )
    assert np.std(spread) > 2 * np.std(alike)


def test_a_rule_of_activity_alone_raises_or_lowers_every_active_neuron():
    for coefficient in (1.0, -1.0):
        rule = PlasticityRule("activity", {"recent_activity": 1e5 * coefficient})
        counts, codes = driven("dynapse1-plastic", rule, (90, 90))
        active = counts[1] >= 10
        assert active.any()
        assert (codes[1] * coefficient >= 0).all()
        assert np.mean(codes[1][active] != 0) > 0.5


def test_terms_add_and_one_whose_signal_is_nothing_adds_nothing():
    # no controller sends anything, so that the feedback current is nothing
    both = PlasticityRule("both", {"recent_activity": 1e5, "feedback_current": 1.0})
    alone = PlasticityRule("alone", {"recent_activity": 1e5})
    mixed, activity, feedback = (driven("dynapse1-plastic", rule, (90, 90))[1] for rule in (both, alone, FEEDBACK_RULE))
    assert activity.any()
    np.testing.assert_array_equal(mixed, activity)
    assert not feedback.any()


def test_a_rule_is_refused_by_name_where_its_signal_is_missing():
    with pytest.raises(InputError, match=r"differential-hebbian.*rate_change.*dynapse1-extended"):
        DIFFERENTIAL_HEBBIAN.check(load_device("dynapse1-plastic"))
    with pytest.raises(InputError, match=r"rule feedback .*presynaptic_spike.*dynapse1-plastic"):
        FEEDBACK_RULE.check(load_device("dynapse1"))
    DIFFERENTIAL_HEBBIAN.check(load_device("dynapse1-extended"))


def test_rules_that_say_nothing_are_refused():
    with pytest.raises(UnknownNameError, match="feedback_current"):
        PlasticityRule("wrong", {"feedback_curent": 1.0})
    with pytest.raises(InputError, match="no term"):
        PlasticityRule("nothing", {"feedback_current": 0.0})
    with pytest.raises(InputError, match="finite"):
        PlasticityRule("endless", {"feedback_current": np.inf})
    with pytest.raises(UnknownNameError, match="differential-hebbian"):
        plasticity_rule("differential")


EXTENDED = Settings("yinyang", device="dynapse1-extended", hidden=16)


def test_each_layer_has_its_rule():
    rules = chip_rules(replace(EXTENDED, rules={"outputs": "differential-hebbian"}))
    assert {name: rule.name for name, rule in rules.items()} == {
        "weights": "differential-hebbian",
        "hidden weights": "feedback",
    }
    asked = replace(EXTENDED, least_control=True, recurrent=True, rules={"hidden": "differential-hebbian"})
    assert chip_rules(asked)["recurrent weights"].name == chip_rules(asked)["hidden weights"].name
    assert chip_rules(asked)["hidden weights"].throughout


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rules": {"output": "feedback"}}, "outputs"),
        ({"rules": {"hidden": "hebbian"}}, "differential-hebbian"),
        ({"rules": {"hidden": "differential-hebbian"}}, "--least-control"),
        ({"rules": {"hidden": "feedback"}, "hidden": 0}, "--hidden"),
        ({"rules": {"outputs": "feedback"}, "where": "host", "device": "dynapse2"}, "plastic synapses"),
    ],
)
def test_rules_that_act_nowhere_are_refused(changed, message):
    with pytest.raises(InputError, match=message):
        chip_rules(replace(EXTENDED, **changed))


def test_a_result_says_by_what_its_synapses_learned():
    budget, schedule = Budget(4, 1, 2), Schedule(settle=0.1, decide=0.2, gap=0.02, gated=False, target_rate=80.0)
    settings = Settings(
        "binary", device="dynapse1-extended", chip_seeds=(1,), without=("calibration",), budget=budget,
        schedule=schedule, rules={"outputs": "differential-hebbian"},
    )  # fmt: skip
    result = learn(settings)
    assert result.attrs["rules"] == "weights: differential-hebbian"
    assert result["weight"].any()
    assert learn(replace(settings, rules={})).attrs["rules"] == "weights: feedback"
