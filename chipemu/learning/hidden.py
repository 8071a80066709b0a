"""A hidden layer under direct feedback: its wiring, its first weights, and how it learns.

Every hidden unit is one neuron with plastic synapses from the inputs.  Controllers of the outputs reach it directly,
through CAM words Q from one pair of each class:

    Q > 0    Q words    positive controller -> NMDA,      negative controller -> GABA_A
    Q < 0   -Q words    negative controller -> NMDA,      positive controller -> GABA_A

so that its feedback current is sum over classes of Q times the error of one output neuron, and its synapses follow the
rule of all others, w <- w + eta I_fb at a presynaptic spike (deep feedback control: Meulemans et al. 2021).  Q begins
as random signs.  Fixed, that is direct feedback alignment (Nokland 2016).  Mirrored, a host that reads the codes of the
outputs at a checkpoint anyhow rewrites Q in proportion to them: updates stay local, the way of the feedback does not.
Inverse, it rewrites Q to their damped inverse, see `chipemu.learning.feedback`.
The current is apical: sensed by the synapses and kept from the soma.  Injected, it would let
hidden activity carry the label while the outputs learn, and features would be others at the test.

A synapse learns only while its neuron has spiked of late, which stands in for the slope of its transfer function.

Learned, Q comes from what controllers answer to noise of hidden neurons, see `chipemu.learning.learned_feedback`: for
this each has two noise sources, one that raises it and one that lowers it.

At a host, which rewrites words with masks, controllers reach no hidden neuron: the host works out what they would
bring, I = sum over classes of Q times the mean error of the unit, from their spikes and the Q that follows its own
float weights of the outputs; a neuron that fired in the window counts as one that spiked of late.

Recurrent, hidden neurons also read some of one another through plastic synapses, which learn by the same rule.

In target propagation (Meulemans et al. 2020) the loop stays open: feedback is inverse, and the current that controllers
send to the outputs is apical there too; at a host controllers reach nothing, and it reads what they report.  Outputs
stay at their free rates, so that controllers report target minus free output all the time, and a hidden neuron is told
once by how much its rate should be another.

Under least control (Meulemans et al. 2022) the current is injected after all: it moves the hidden neurons to a state in
which the outputs are as asked, and the same rule there, w <- w + eta psi s, is to let the network hold this state with
ever less of it: what should fall is the amount of control, 1/2 |psi|^2.  The feedback is weak, so that features under
control and without are nearly the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chipemu.device import DeviceSpec
from chipemu.errors import InputError
from chipemu.network import Network, Population
from chipemu.tasks.task import Task

TRAINED, HIDDEN, RECURRENT = "weights", "hidden weights", "recurrent weights"
FEEDBACK = {"positive": "positive teach hidden", "negative": "negative teach hidden"}
NOISE = {"noise raises": "ampa", "noise lowers": "gaba_b"}  # sources, and the receptor that they reach
SIGNALS = ("apical_current", "recent_activity")
APICAL = "apical"
MASK_UNITS = 15  # of a word whose four base currents are binary, see devices/points/se2-*.toml


@dataclass(frozen=True)
class Noise:
    """Events that raise or lower hidden neurons, each for itself, so that feedback can be learned from the answer.

    Attributes
    ----------
    rate : of the events that a neuron gets in a noise window [Hz]; 0 is the ablation
    words : CAM words of a noise source
    window : length of a noise window, in which a neuron is either raised or lowered [s]
    windows : of a taught presentation
    memory : taught presentations after which what they told has faded to 1/e
    ridge : added to the variance of hidden neurons, as a part of its mean
    rarer : (fraction of training, k): from there on only every k-th taught presentation ends in noise windows, because
        what is left to learn of the feedback gets less, and answers to noise are control; before the first it is each
    """

    rate: float = 200.0
    words: int = 4
    window: float = 0.15
    windows: int = 4
    memory: float = 100.0
    ridge: float = 0.1
    rarer: tuple[tuple[float, int], ...] = ((0.33, 4), (0.66, 8))


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
    feedback : how feedback reaches the layer, of :data:`chipemu.learning.feedback.FEEDBACKS`
    words : CAM words of a typical feedback that is rewritten
    most_words : most of them
    damping : of the inverse feedback, in units of the mean eigenvalue of what it inverts
    eta : learning rate of 30 neurons beside that of the outputs; n neurons learn at 30/n of it, because the more of
        them stand before an output, the less each has to change
    active : adaptation current above the floor from which a synapse learns [A]; below 0 it always does
    spread : largest first code of a hidden synapse, drawn evenly between it and its negative
    sparsity : first codes cancel the mean input and this many code steps of the constant source more
    constant : first code of the constant source where this one alone is left to carry activity; the other sources then
        cancel each other. None cancels the mean input
    rate : mean rate that every hidden neuron is brought to before anything learns, see
        :func:`chipemu.learning.homeostasis.equalise_rates` [Hz]; None leaves rates as mismatch makes them
    noise : that feedback is learned from
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
    feedback: str = "fixed"
    words: float = 2.0
    most_words: int = 6
    damping: float = 0.1
    eta: float = 0.002
    active: float = 0.02e-12
    spread: int = 15
    sparsity: float = 2.5
    constant: float | None = None
    rate: float | None = None
    injected: bool = False
    recurrent: bool = False
    recurrent_fan_in: int = 36
    recurrent_spread: int = 3
    recurrent_inhibition: int = 1
    noise: Noise = Noise()
    point: str = "hidden"
    seed: int = 0

    @property
    def disturbed(self) -> int:
        """Hidden neurons that noise reaches: all of them where feedback is learned from it."""
        return self.neurons if self.feedback == "learned" else 0


def code_max(device: DeviceSpec) -> int:
    """Largest weight of one trained synapse: a code of its plastic cell, or units of one word with a mask."""
    return device.plastic.code_max if device.plastic is not None else MASK_UNITS


def word_per_code(device: DeviceSpec) -> float:
    """What a weight of 1 is beside a CAM word [words]: a code of a plastic cell, or a unit of a word with a mask.

    Examples
    --------
    >>> from chipemu import load_device
    >>> round(1 / word_per_code(load_device("dynapse2")))
    15
    """
    return device.plastic.word_per_code if device.plastic is not None else 1 / MASK_UNITS


def check_place(device: DeviceSpec, where: str, hidden: Hidden) -> None:
    """Refuse a device that lacks what the rule of a hidden layer reads, and at a host what only plastic synapses do.

    Raises
    ------
    InputError
        With what is missing.
    """
    if where == "host":
        _check_host(device, hidden)
        return
    missing = [name for name in SIGNALS if name not in device.signals]
    if missing or APICAL not in device.latches:
        raise InputError(
            f"a hidden layer reads the local signals {', '.join(SIGNALS)}; {device.name} ({device.path}) does not "
            f"offer {', '.join(missing) or 'latch apical'}. Use --device dynapse1-plastic, or --hidden 0"
        )


def _check_host(device: DeviceSpec, hidden: Hidden) -> None:
    if device.weights != "masks":
        raise InputError(
            f"a host trains a hidden layer in words with masks, of {MASK_UNITS} levels; {device.name} ({device.path}) "
            f"has weights of the kind '{device.weights}', and repeated words would leave one level to each of "
            f"{hidden.fan_in} hidden neurons. Use --device dynapse2, or --device dynapse1-plastic"
        )
    if hidden.recurrent or hidden.injected or hidden.feedback == "learned":
        raise InputError(
            "a host trains feed-forward hidden neurons, after feedback that it works out itself: neither recurrent "
            "ones, nor by control of them, nor after feedback learned from noise. Use --device dynapse1-plastic"
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
    on_chip = store == "plastic"
    layer = net.population(
        "hidden", n, point=hidden.point, latches=(APICAL,) if on_chip and not hidden.injected else None
    )
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
    if on_chip:
        _add_feedback(net, hidden, reads.reshape(n_units, n_per_unit, n))
    for name, receptor in NOISE.items() if hidden.disturbed else ():
        sources, words = net.sources(name, n), hidden.noise.words
        net.project(sources, layer, receptor=receptor, words=words, pairs="one", name=f"{name} hidden")
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


def first_weights(
    hidden: Hidden, circuit, rates: np.ndarray, most: int, generators: Sequence[np.random.Generator]
) -> dict[str, np.ndarray]:
    """What every run begins with, (run, pair) of each trained projection.

    Hidden codes are random, one draw for all trains of a source, and moved so that they cancel the mean input, or that
    the sources but the constant one do; outputs begin with nothing, and feedback with its random signs.

    Parameters
    ----------
    circuit : `chipemu.learning.circuit.Circuit` with this layer
    rates : (presentation, train) that the layer will see [Hz]
    most : largest code
    generators : one for each run
    """
    mean = rates.mean(0)[:: hidden.trains]
    sees = circuit.connected(HIDDEN)[:, :: hidden.trains]
    drawn = [np.clip(_first_codes(hidden, sees, mean, rng, most), -most, most) for rng in generators]
    first = {
        TRAINED: np.zeros((len(generators), len(circuit.pairs)), np.int64),
        HIDDEN: on_trains(circuit, np.stack(drawn)),
    }
    if hidden.recurrent:
        n, spread = len(circuit.network[RECURRENT]), hidden.recurrent_spread
        codes = np.stack([rng.integers(-spread, spread + 1, n) for rng in generators]) - hidden.recurrent_inhibition
        first[RECURRENT] = np.clip(codes, -most, most)
    if circuit.feedback_on_die:
        first |= feedback_words(circuit, np.tile(feedback_signs(hidden, circuit.n_units), (len(generators), 1, 1)))
    return first


def on_trains(circuit, codes: np.ndarray) -> np.ndarray:
    """Codes (run, hidden neuron, source) as weights (run, pair): those of a source for each train that carries it."""
    sender, neuron = circuit.network[HIDDEN].pairs.T
    return codes[:, neuron, sender // circuit.n_trains]


def with_mean_input(codes: np.ndarray, mean: np.ndarray, asked: np.ndarray, most: int) -> np.ndarray:
    """Codes moved as little as possible so that the mean input of every neuron is what is asked.

    Parameters
    ----------
    codes : (..., neuron, source)
    mean : (neuron, source) mean rates of the sources, 0 of those that a neuron does not see [Hz]
    asked : (..., neuron) sum over sources of code times mean rate [Hz]
    most : largest code; where it binds, the other sources move more

    Returns
    -------
    (..., neuron, source) int

    Examples
    --------
    >>> moved = with_mean_input(np.array([[9, -2]]), np.array([[50.0, 100.0]]), np.array([0.0]), 15)
    >>> moved.tolist(), (moved @ [50.0, 100.0]).tolist()
    ([[8, -4]], [0.0])
    """
    moved, size = np.asarray(codes, float), (mean**2).sum(-1)
    for _ in range(4):
        missing = asked - (moved * mean).sum(-1)
        moved = np.clip(moved + (missing / size)[..., None] * mean, -most, most)
    return np.rint(moved).astype(np.int64)


def _first_codes(hidden: Hidden, sees: np.ndarray, mean: np.ndarray, rng: np.random.Generator, most: int) -> np.ndarray:
    """Codes (neuron, source) of sources that have these mean rates, the constant one the last."""
    codes = sees * rng.integers(-hidden.spread, hidden.spread + 1, sees.shape)
    if hidden.constant is None:
        left = np.full(len(codes), -hidden.sparsity * mean[-1])
        return with_mean_input(codes, sees * mean, left, most)
    excess = codes[:, :-1] @ mean[:-1] / (sees[:, :-1] @ mean[:-1])
    codes[:, :-1] -= np.rint(excess[:, None] * sees[:, :-1]).astype(np.int64)
    codes[:, -1] = np.rint(hidden.constant)
    return codes
