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
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chipemu.device import DeviceSpec
from chipemu.errors import InputError
from chipemu.network import Network, Population
from chipemu.tasks.task import Task

TRAINED, HIDDEN = "weights", "hidden weights"
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
    layer = net.population("hidden", n, point=hidden.point, latches=(_APICAL,))
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
    rng = np.random.default_rng([hidden.seed, 1])
    read = min(hidden.fan_in, max(1, round(hidden.share * n)))
    reads = rng.random((n_units * n_per_unit, n)).argsort(axis=1).argsort(axis=1) < read
    _add_feedback(net, hidden, reads.reshape(n_units, n_per_unit, n))
    return layer, reads


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
    mean input; outputs begin with nothing, and feedback with its random signs.

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
    drawn = []
    for rng in generators:
        codes = sees * rng.integers(-hidden.spread, hidden.spread + 1, sees.shape)
        codes[:, -1] = np.rint(-codes[:, :-1] @ mean[:-1] / mean[-1] - hidden.sparsity)
        drawn.append(np.clip(codes, -code_max, code_max))
    signs = np.tile(feedback_signs(hidden, circuit.n_units), (len(generators), 1, 1))
    return {
        TRAINED: np.zeros((len(generators), len(circuit.pairs)), np.int64),
        HIDDEN: np.stack(drawn)[:, layer[:, 1], layer[:, 0] // hidden.trains],
        **feedback_words(circuit, signs),
    }
