"""Target propagation: feedback inverts what the outputs read, the loop stays open, and what does not fit is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import lstsq
from test_hidden import LAYER, QUICK, make_session

from chipemu.errors import InputError
from chipemu.learning.experiment import _prepare, learn
from chipemu.learning.feedback import damped_inverse, inverse_feedback, mirrored_feedback
from chipemu.learning.hidden import TRAINED, Hidden, feedback_signs
from chipemu.learning.lesson import CONTROLLED, TEST, attend
from chipemu.learning.settings import Settings, hidden_layer, output_latches
from chipemu.tasks import load_task

BASE = Settings("yinyang", chip_seeds=(1,), without=("calibration",), hidden=16, hidden_rate=0.0, budget=QUICK)


def read_alike(rng, n_runs=2, neurons=120):
    """What three units read, (run, neuron, unit), a half of it in common."""
    return 4 * (rng.normal(size=(n_runs, neurons, 3)) + rng.normal(size=(n_runs, neurons, 1)))


def test_inverse_feedback_inverts_what_the_outputs_read():
    read = read_alike(np.random.default_rng(0))
    forward = read.transpose(0, 2, 1)
    np.testing.assert_allclose(forward @ damped_inverse(read, 0.0), np.tile(np.eye(3), (2, 1, 1)), atol=1e-12)
    for run, damped in zip(forward, damped_inverse(read, 0.5), strict=True):
        kept = np.linalg.eigvalsh(run @ run.T)
        np.testing.assert_allclose(np.linalg.eigvalsh(run @ damped), kept / (kept + 0.5 * kept.mean()))


def test_whole_words_of_it_still_tell_the_units_apart():
    layer, read = Hidden(120, damping=0.0), read_alike(np.random.default_rng(1))
    inverted = inverse_feedback(layer, read)
    assert inverted.dtype.kind == "i"
    assert np.abs(inverted).max() <= layer.most_words
    assert np.sqrt(np.mean(inverted**2)) == pytest.approx(layer.words, rel=0.1)
    for q, apart in ((inverted, True), (mirrored_feedback(layer, read), False)):
        moved = read.transpose(0, 2, 1) @ q
        own = np.diagonal(moved, axis1=1, axis2=2)
        others = np.abs(moved - own[:, None] * np.eye(3)).max((1, 2))
        assert (others < 0.1 * own.min(1)).all() == apart


def test_nothing_comes_back_as_long_as_nothing_is_read():
    assert not inverse_feedback(LAYER, np.zeros((1, 16, 3))).any()
    unit = np.random.default_rng(0).normal(size=(1, 16, 1))
    assert np.isfinite(damped_inverse(np.tile(unit, 3), 0.0)).all()


def attended(latches, mode):
    """Spikes (neuron,) by part of the network, of a die with random output codes."""
    session, task = make_session(latches=latches)
    emulator, circuit = session.emulator, session.circuit
    codes = np.random.default_rng(0).integers(-15, 16, (1, len(circuit.pairs)))
    emulator.upload({**emulator.weights(), TRAINED: codes})
    order = np.arange(6)[None]
    label = np.zeros_like(order)  # the first unit is right all the time
    found = attend(session, task.rates["train"], order, label, mode)
    names = ("outputs", "hidden", "positive", "negative")
    return {name: found.count[0, emulator.mapped.neuron_slice(name)] for name in names}


def test_in_an_open_loop_outputs_stay_at_their_free_rates_while_controllers_report_the_error():
    latches = output_latches(replace(BASE, target_propagation=True))
    free, opened, closed = attended(latches, TEST), attended(latches, CONTROLLED), attended((), CONTROLLED)
    for name in ("outputs", "hidden"):
        np.testing.assert_array_equal(opened[name], free[name])
    assert (closed["outputs"] != free["outputs"]).any()
    assert not free["positive"].any()
    assert not free["negative"].any()
    for unit, lacking in enumerate((True, False, False)):
        own = slice(10 * unit, 10 * unit + 10)
        assert (opened["positive"][own].sum() > opened["negative"][own].sum()) == lacking
    reported = [found["positive"].sum() + found["negative"].sum() for found in (opened, closed)]
    assert reported[0] > 1.5 * reported[1]  # what is not corrected is reported all the time


def test_one_switch_asks_for_the_inverse_and_for_an_open_loop():
    asked = replace(BASE, target_propagation=True)
    assert hidden_layer(asked).feedback == hidden_layer(replace(asked, feedback="inverse")).feedback == "inverse"
    assert output_latches(asked) == ("apical",)
    assert output_latches(replace(BASE, feedback="inverse")) == ()
    for settings, latches in ((asked, ("apical",)), (replace(BASE, feedback="inverse"), None)):
        circuit = _prepare(load_task("yinyang"), settings, print).circuit
        assert (circuit.network["outputs"].latches, circuit.hidden.feedback) == (latches, "inverse")


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"hidden": 0}, "give --hidden"),
        ({"least_control": True}, "least control closes it"),
        ({"feedback": "mirrored"}, "takes feedback 'inverse', not 'mirrored'"),
        ({"feedback": "invers"}, "nearest: inverse"),
        ({"where": "host"}, "words with masks"),
    ],
)
def test_target_propagation_is_refused_with_what_contradicts_it(wrong, text):
    with pytest.raises(InputError, match=text):
        learn(replace(BASE, target_propagation=True, **wrong))


def damped_step(jacobian, error, damping):
    """Step of Gauss and Newton, by least squares of the error and of the step."""
    n_outputs, n = jacobian.shape
    weight = np.sqrt(damping * np.sum(jacobian**2) / n_outputs)
    return lstsq(np.vstack([jacobian, weight * np.eye(n)]), np.concatenate([error, np.zeros(n)]))[0]


def test_the_update_through_the_inverse_is_nearer_to_gauss_and_newton_than_through_other_feedback():
    """In a float network of one hidden layer, whose slopes the update does not know (23, 35 and 92 degrees)."""
    rng, layer = np.random.default_rng(0), Hidden(60)
    first, read = rng.normal(0, 0.4, (60, 5)), read_alike(rng, 1, 60)
    feedback = inverse_feedback(layer, read)[0], mirrored_feedback(layer, read)[0], feedback_signs(layer, 3)
    angles = []
    for _ in range(50):
        source, error = rng.normal(size=5), rng.normal(size=3)
        slope = 1 - np.tanh(first @ source) ** 2
        best = damped_step(np.kron(read[0].T * slope, source), error, layer.damping)
        updates = [np.outer(q @ error, source).ravel() for q in feedback]
        cosines = [best @ update / np.linalg.norm(best) / np.linalg.norm(update) for update in updates]
        angles.append(np.degrees(np.arccos(cosines)))
    inverse, mirrored, fixed = np.mean(angles, axis=0)
    assert inverse < 30
    assert inverse + 5 < mirrored
    assert mirrored + 30 < fixed
