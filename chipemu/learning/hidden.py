"""A hidden layer under direct feedback: its wiring, its first weights, and how it learns.

Every hidden unit is one neuron with plastic synapses from the inputs.  Controllers of the outputs reach it directly,
through CAM words Q from one pair of each class:

    Q > 0    Q words    positive controller -> NMDA,      negative controller -> GABA_A
    Q < 0   -Q words    negative controller -> NMDA,      positive controller -> GABA_A

so that its feedback current is sum over classes of Q times the error of one output neuron, and its synapses follow the
rule of all others, w <- w + eta I_fb at a presynaptic spike (deep feedback control: Meulemans et al. 2021).  Q begins
as random signs.  Fixed, that is direct feedback alignment (Nokland 2016).  Mirrored, a host that reads the codes of the
outputs at a checkpoint anyhow rewrites Q in proportion to them: updates stay local, the way of the feedback does not.
The current is apical: sensed by the synapses and kept from the soma.  Injected, it would let
hidden activity carry the label while the outputs learn, and features would be others at the test.

A synapse learns only while its neuron has spiked of late, which stands in for the slope of its transfer function.

Recurrent, hidden neurons also read some of one another through plastic synapses, which learn by the same rule.

Under least control (Meulemans et al. 2022) the current is injected after all: it moves the hidden neurons to a state in
which the outputs are as asked, and the same rule there, w <- w + eta psi s, is to let the network hold this state with
ever less of it: what should fall is the amount of control, 1/2 |psi|^2.  The feedback is weak, so that features under
control and without are nearly the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chipemu.device import DeviceSpec
from chipemu.errors import InputError
from chipemu.network import Network, Population
from chipemu.tasks.task import Task

TRAINED, HIDDEN, RECURRENT = "weights", "hidden weights", "recurrent weights"
FEEDBACK = {"positive": "positive teach hidden", "negative": "negative teach hidden"}
SIGNALS = ("apical_current", "recent_activity")
_APICAL = "apical"


@dataclass(frozen=True)
class Hidden:
    """Recipe of a hidden layer.

    Attributes
    ----------
    neurons : hidden neurons
    trains : spike trains that carry each source of the task, of one rate and interleaved; a neuron has a plastic
        synapse for each
    fan_in : most hidden neurons that an output neuron reads, at random
    share : part of the hidden layer that it reads
    taught_classes : classes that teach a hidden neuron, chosen at random; None is all
    mirrored : whether a host rewrites the feedback at every checkpoint after what the outputs have learned
    words : CAM words of a typical mirrored feedback
    most_words : most of them
    eta : learning rate beside that of the outputs
    active : adaptation current above the floor from which a synapse learns [A]; below 0 it always does
    spread : largest first code of a hidden synapse, drawn evenly between it and its negative
    sparsity : first code of the constant source, below what cancels the mean input: about as many neurons are active
        in every presentation, and no neuron in none or all
    constant : first code of the constant source where this one alone is left to carry activity; the other sources then
        cancel each other. None cancels the mean input
    injected : whether feedback acts on the somata of hidden neurons, and is no apical current
    recurrent : whether hidden neurons read one another
    recurrent_fan_in : how many of the others a hidden neuron reads, at random
    recurrent_spread : first codes of recurrent synapses are drawn evenly between this and its negative ...
    recurrent_inhibition : ... less this, so that activity does not run away
    point : operating point
    seed : of wiring and signs, which are one for all dies
    """

    neurons: int
    trains: int = 1
    fan_in: int = 60
    share: float = 1.0
    taught_classes: int | None = None
    mirrored: bool = False
    words: float = 2.0
    most_words: int = 6
    eta: float = 0.002
    active: float = 0.02e-12
    spread: int = 15
    sparsity: float = 2.5
    constant: float | None = None
    injected: bool = False
    recurrent: bool = False
    recurrent_fan_in: int = 36
    recurrent_spread: int = 3
    recurrent_inhibition: int = 1
    point: str = "hidden"
    seed: int = 0


def check_place(device: DeviceSpec, where: str) -> None:
    """Refuse a host, and a device whose synapses do not sense what the rule of a hidden layer reads.

    Raises
    ------
    InputError
        With the signals that are missing.
    """
    if where != "chip":
        raise InputError("a hidden layer learns in plastic synapses. Use --where chip, or --hidden 0")
    missing = [name for name in SIGNALS if name not in device.signals]
    if missing or _APICAL not in device.latches:
        raise InputError(
            f"a hidden layer reads the local signals {', '.join(SIGNALS)}; {device.name} ({device.path}) does not "
            f"offer {', '.join(missing) or 'latch apical'}. Use --device dynapse1-plastic, or --hidden 0"
        )


def feedback_signs(hidden: Hidden, n_units: int) -> np.ndarray:
    """Q, (neuron, unit): 1 or -1, and 0 where a class does not teach a neuron.

    Examples
    --------
    >>> feedback_signs(Hidden(4), 3).shape, sorted(set(feedback_signs(Hidden(99), 3).ravel().tolist()))
    ((4, 3), [-1, 1])
    """
    rng = np.random.default_rng([hidden.seed, 0])
    signs = rng.choice([-1, 1], (hidden.neurons, n_units))
    taught = hidden.taught_classes or n_units
    rank = rng.random((hidden.neurons, n_units)).argsort(axis=1).argsort(axis=1)
    return signs * (rank < taught)


def add_hidden(net: Network, task: Task, hidden: Hidden, store: str, n_per_unit: int) -> tuple[Population, np.ndarray]:
    """Add the layer to a network of inputs, outputs and controllers.

    Returns
    -------
    the layer, and who reads it, (output neuron, hidden neuron) bool
    """
    n, n_units = hidden.neurons, task.n_classes
    layer = net.population("hidden", n, point=hidden.point, latches=None if hidden.injected else (_APICAL,))
    neuron, source = np.nonzero(task.receptive_fields(n))
    net.project_signed(
        "inputs",
        layer,
        positive="ampa",
        negative="gaba_b",
        pairs=np.stack([source, neuron], axis=1),
        name=HIDDEN,
        store=store,
    )
    if hidden.recurrent:
        _add_recurrence(net, hidden, store)
    rng = np.random.default_rng([hidden.seed, 1])
    read = min(hidden.fan_in, max(1, round(hidden.share * n)))
    reads = rng.random((n_units * n_per_unit, n)).argsort(axis=1).argsort(axis=1) < read
    _add_feedback(net, hidden, reads.reshape(n_units, n_per_unit, n))
    return layer, reads


def _add_recurrence(net: Network, hidden: Hidden, store: str) -> None:
    rng, n = np.random.default_rng([hidden.seed, 3]), hidden.neurons
    drawn = rng.random((n, n))
    np.fill_diagonal(drawn, 2.0)  # the last of its row: no neuron reads itself
    rank = drawn.argsort(axis=1).argsort(axis=1)
    neuron, sender = np.nonzero(rank < min(hidden.recurrent_fan_in, n - 1))
    net.project_signed(
        "hidden",
        "hidden",
        positive="ampa",
        negative="gaba_b",
        pairs=np.stack([sender, neuron], axis=1),
        name=RECURRENT,
        store=store,
    )


def _add_feedback(net: Network, hidden: Hidden, reads: np.ndarray) -> None:
    """Controllers of one output neuron of each class that teaches a hidden neuron, among those that read it."""
    n_units, n_per_unit, _ = reads.shape
    chosen = (np.random.default_rng([hidden.seed, 2]).random(reads.shape) + reads).argmax(1)
    neuron, unit = np.nonzero(feedback_signs(hidden, n_units))
    ends = np.stack([unit * n_per_unit + chosen[unit, neuron], neuron], axis=1)
    for pool, name in FEEDBACK.items():
        net.project_signed(pool, "hidden", positive="nmda", negative="gaba_a", pairs=ends, name=name)


def feedback_words(circuit, q: np.ndarray) -> dict[str, np.ndarray]:
    """Signed words of the feedback, (run, pair) of either pool of controllers.

    Parameters
    ----------
    circuit : `chipemu.learning.circuit.Circuit` with a hidden layer
    q : (run, hidden neuron, unit) int
    """
    pair, neuron = circuit.network[FEEDBACK["positive"]].pairs.T
    words = q[:, neuron, pair // circuit.n_per_unit]
    return {FEEDBACK["positive"]: words, FEEDBACK["negative"]: -words}


def held_feedback(circuit, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """Q that dies hold, (run, hidden neuron, unit), of their weights (run, pair) by projection."""
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


def following_feedback(circuit, weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Signed words (run, pair) of feedback that mirrors what the outputs read, of weights (run, pair) by projection."""
    return feedback_words(circuit, mirrored_feedback(circuit.hidden, read_by_units(circuit, weights)))


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


def first_weights(
    hidden: Hidden, circuit, rates: np.ndarray, code_max: int, generators: Sequence[np.random.Generator]
) -> dict[str, np.ndarray]:
    """What every run begins with, (run, pair) of each trained projection.

    Hidden codes are random, one draw for all trains of a source, and those of the constant source, the last, cancel the
    mean input, unless they are given; outputs begin with nothing, and feedback with its random signs.

    Parameters
    ----------
    circuit : `chipemu.learning.circuit.Circuit` with this layer
    rates : (presentation, train) that the layer will see [Hz]
    code_max : largest code
    generators : one for each run
    """
    layer = circuit.network[HIDDEN].pairs
    mean = rates.mean(0)[:: hidden.trains]
    sees = circuit.weight_table(np.ones((1, len(layer)), np.int64), HIDDEN)[0][:, :: hidden.trains]
    drawn = [np.clip(_first_codes(hidden, sees, mean, rng), -code_max, code_max) for rng in generators]
    signs = np.tile(feedback_signs(hidden, circuit.n_units), (len(generators), 1, 1))
    recurrent = {}
    if hidden.recurrent:
        n, spread = len(circuit.network[RECURRENT]), hidden.recurrent_spread
        codes = np.stack([rng.integers(-spread, spread + 1, n) for rng in generators]) - hidden.recurrent_inhibition
        recurrent[RECURRENT] = np.clip(codes, -code_max, code_max)
    return recurrent | {
        TRAINED: np.zeros((len(generators), len(circuit.pairs)), np.int64),
        HIDDEN: np.stack(drawn)[:, layer[:, 1], layer[:, 0] // hidden.trains],
        **feedback_words(circuit, signs),
    }


def _first_codes(hidden: Hidden, sees: np.ndarray, mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Codes (neuron, source) of sources that have these mean rates, the constant one the last."""
    codes = sees * rng.integers(-hidden.spread, hidden.spread + 1, sees.shape)
    if hidden.constant is None:
        codes[:, -1] = np.rint(-codes[:, :-1] @ mean[:-1] / mean[-1] - hidden.sparsity)
        return codes
    excess = codes[:, :-1] @ mean[:-1] / (sees[:, :-1] @ mean[:-1])
    codes[:, :-1] -= np.rint(excess[:, None] * sees[:, :-1]).astype(np.int64)
    codes[:, -1] = np.rint(hidden.constant)
    return codes
