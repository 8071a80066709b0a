"""Feedback of a hidden layer, Q: what it is set to while the outputs learn, and how well it reaches them.

Fixed, Q keeps its random signs.  Mirrored, a host that reads the codes of the outputs at a checkpoint anyhow rewrites Q
in proportion to them.  Inverse, it rewrites Q to the damped inverse of what they read instead of the transpose.
Learned, it rewrites Q after spikes alone, see `chipemu.learning.learned_feedback`.

With J = d output / d hidden, Q = J^T (J J^T + gamma I)^-1 tells what change of the hidden layer moves the outputs by an
error of theirs.  That is the direct, linear form of difference target propagation (DDTP-linear: Meulemans et al. 2020,
"A theoretical framework for target propagation"), whose updates are those of Gauss and Newton.  There Q learns in noise
windows, by the difference reconstruction loss, which for linear outputs ends at this Q.  Left out: noise windows, for Q
is computed from codes; slopes of neurons, which are taken alike, so that J is the codes; more than one hidden layer.
"""

from collections.abc import Mapping

import numpy as np

from chipemu.learning.hidden import FEEDBACK, TRAINED, Hidden, feedback_signs, feedback_words

FEEDBACKS = ("fixed", "mirrored", "inverse", "learned")


def held_feedback(circuit, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Q that dies hold, or their host, (run, hidden neuron, unit), of their weights (run, pair) by projection."""
    if not circuit.feedback_on_die:
        return host_feedback(circuit, weights)
    table = circuit.weight_table(weights[FEEDBACK["positive"]], FEEDBACK["positive"])
    return table.reshape(*table.shape[:2], circuit.n_units, circuit.n_per_unit).sum(3)


def read_by_units(circuit, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Mean code with which the output neurons of each unit read a hidden neuron, (run, hidden neuron, unit)."""
    pairs = circuit.pairs
    readers = np.zeros((circuit.n_units, circuit.network["hidden"].n))
    np.add.at(readers, (pairs[:, 1] // circuit.n_per_unit, pairs[:, 0]), 1)
    table = circuit.weight_table(weights[TRAINED])
    units = table.reshape(len(table), circuit.n_units, circuit.n_per_unit, -1).sum(2)
    return (units / np.maximum(readers, 1)).transpose(0, 2, 1)


def mirrored_feedback(hidden: Hidden, read: np.ndarray) -> np.ndarray:
    """Q after what the outputs read, in whole words.

    Parameters
    ----------
    read : (run, hidden neuron, unit), see :func:`read_by_units`

    Examples
    --------
    >>> mirrored_feedback(Hidden(2), np.array([[[3.0, -3.0], [0.0, 15.0]]])).tolist()
    [[[1, -1], [0, 4]]]
    """
    typical = np.sqrt(np.mean(read**2, axis=(1, 2), keepdims=True))
    words = np.rint(hidden.words * read / np.maximum(typical, 1e-9))
    return np.clip(words, -hidden.most_words, hidden.most_words).astype(np.int64)


def inverse_feedback(hidden: Hidden, read: np.ndarray) -> np.ndarray:
    """Q that undoes what the outputs read, in whole words: the damped inverse, scaled as mirrored feedback is.

    Parameters
    ----------
    read : (run, hidden neuron, unit), see :func:`read_by_units`

    Examples
    --------
    What both units read alike moves both, so that the neurons that only one reads are to make the difference:

    >>> read = np.array([[[9.0, 9.0], [3.0, 0.0], [0.0, 3.0]]])
    >>> mirrored_feedback(Hidden(3), read).tolist(), inverse_feedback(Hidden(3, damping=0.0), read).tolist()
    ([[[3, 3], [1, 0], [0, 1]]], [[[1, 1], [3, -2], [-2, 3]]])
    """
    return mirrored_feedback(hidden, damped_inverse(read, hidden.damping))


def damped_inverse(read: np.ndarray, damping: float) -> np.ndarray:
    """J^T (J J^T + gamma I)^-1, (run, hidden neuron, unit), of J^T = ``read``; 0 as long as nothing is read.

    Parameters
    ----------
    read : (run, hidden neuron, unit)
    damping : gamma, in units of the mean eigenvalue of J J^T

    Examples
    --------
    >>> read = np.random.default_rng(0).normal(size=(1, 20, 3))
    >>> bool(np.allclose(read[0].T @ damped_inverse(read, 0.0)[0], np.eye(3)))
    True
    """
    n_units = read.shape[2]
    squared = read.transpose(0, 2, 1) @ read
    gamma = damping * np.trace(squared, axis1=1, axis2=2) / n_units
    return read @ np.linalg.pinv(squared + gamma[:, None, None] * np.eye(n_units), hermitian=True)


FOLLOWING = {"mirrored": mirrored_feedback, "inverse": inverse_feedback}


def following_feedback(circuit, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Signed words (run, pair) of feedback that follows what the outputs read, of weights (run, pair) by projection."""
    return feedback_words(circuit, host_feedback(circuit, weights))


def host_feedback(circuit, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Q in whole words, (run, hidden neuron, unit), that a host works out of weights (run, pair) by projection."""
    hidden = circuit.hidden
    if hidden.feedback in FOLLOWING:
        return FOLLOWING[hidden.feedback](hidden, read_by_units(circuit, weights))
    return np.tile(feedback_signs(hidden, circuit.n_units), (len(weights[TRAINED]), 1, 1))


def amount_of_control(circuit, weights: Mapping[str, np.ndarray], fired: np.ndarray, charges, balance) -> np.ndarray:
    """Mean over presentations and hidden neurons of 1/2 psi^2, (run,) [C^2]: psi is the feedback charge that synapses
    of a neuron sense in the window in which they learn, of the spikes of its controllers and design values.

    Parameters
    ----------
    circuit : `chipemu.learning.circuit.Circuit` with a hidden layer
    weights : (run, pair) by projection, which hold the words of the feedback
    fired : (run, presentation, controller) spikes in that window; positive controllers, then negative ones
    charges : of one word's pulse through NMDA and through GABA_A [C]
    balance : of a GABA_A against an NMDA current, as synapses weigh them
    """
    pools = np.split(fired, 2, axis=2)
    psi = np.zeros((*fired.shape[:2], circuit.network["hidden"].n))
    for name, spikes in zip(FEEDBACK.values(), pools, strict=True):
        words = circuit.weight_table(weights[name], name)
        raising, lowering = np.maximum(words, 0), np.maximum(-words, 0)
        psi += spikes @ (raising * charges[0] - balance * lowering * charges[1]).transpose(0, 2, 1)
    # each run by itself: a reduction over all would add up in another order for another number of runs
    return np.array([0.5 * np.mean(run**2) for run in psi])


def compliance(read: np.ndarray, q: np.ndarray) -> float:
    """How well fixed feedback reaches what the outputs read: 1 if controlling the outputs takes no more than Q can do.

    With J = d output / d hidden, the part of Q in the row space of J, |J^+ J Q| / |Q| (Meulemans et al. 2021, condition
    2 of their theorem on feedback). J is taken to be the weights: all slopes are taken to be alike.

    Parameters
    ----------
    read : (hidden neuron, unit), see :func:`read_by_units`
    q : (hidden neuron, unit)

    Examples
    --------
    >>> q = np.array([[1, -1], [1, 1], [-1, 1], [-1, -1]])
    >>> round(compliance(3.0 * q, q), 6), round(compliance(np.array([[1, 0], [0, 1], [1, 0], [0, 1]]), q), 6)
    (1.0, 0.0)
    """
    reached = np.linalg.pinv(read.T) @ read.T @ q
    return float(np.linalg.norm(reached) / max(np.linalg.norm(q), 1e-9))
