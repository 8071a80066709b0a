"""The feedback-control circuit as a network: output units, their spiking controllers, and who excites whom.

Per class one unit of ten output neurons.  Every output neuron has a controller pair of its own, which compares it with
a target train of its own (the ten trains of a unit have one rate and interleave):

    positive   excited (AMPA) by the target, inhibited (GABA_B) by the neuron      -> NMDA of the neuron
    negative   excited (AMPA) by the neuron, inhibited (GABA_B) by the target      -> GABA_A of the neuron

so the feedback current of a neuron is I_nmda - I_gaba_a, and trained weights keep AMPA and GABA_B.  A pair takes two
CAM words of an output neuron and leaves 62; ten-to-ten controllers would leave 44, and because they see only the sum
over the unit, mismatch lets the weights of its neurons drift apart to the word limit, where the sum shows nothing.
A gate source holds the controllers silent through their GABA_A shunt wherever feedback must be off.

A hidden layer stands between inputs and outputs where it is asked for, see `chipemu.learning.hidden`.
"""

from dataclasses import dataclass

import numpy as np

from chipemu.learning.hidden import HIDDEN, RECURRENT, TRAINED, Hidden, Noise, add_hidden
from chipemu.learning.latches import Latched
from chipemu.network import Network, Projection
from chipemu.tasks.task import Task

STORES = {"chip": "plastic", "host": "words"}
NO_NOISE = Noise(rate=0.0, words=0, window=0.0, windows=0)
_AS_DEVICE = Latched()


@dataclass(frozen=True)
class Controller:
    """Wiring recipe of the controllers, in CAM words.

    Attributes
    ----------
    neurons_per_unit : output neurons (and controller pairs) of a class
    comparison_words : words from a target train, and from an output neuron, to each controller of the pair
    feedback_words : words from a controller to its output neuron
    gate_words : words from the gate source to each controller
    output_point, controller_point : operating points of the output neurons and of the controllers
    """

    neurons_per_unit: int = 10
    comparison_words: int = 1
    feedback_words: int = 1
    gate_words: int = 2
    output_point: str = "output"
    controller_point: str = "controller"


@dataclass(frozen=True, eq=False)
class Circuit:
    """A task's network with the names of its parts, and the recipe of its hidden layer if there is one."""

    network: Network
    n_inputs: int
    n_units: int
    n_per_unit: int
    hidden: Hidden | None = None

    @property
    def n_outputs(self) -> int:
        """Number of output neurons."""
        return self.n_units * self.n_per_unit

    @property
    def gate(self) -> int:
        """Place of the gate among the sources: after the inputs and a target for each output neuron."""
        return self.n_inputs + self.n_outputs

    @property
    def output_point(self) -> str:
        """Operating point of the output neurons."""
        return self.network["outputs"].point

    @property
    def trained(self) -> tuple[Projection, ...]:
        """Trained projections: to the outputs, and to and within the hidden layer if there is one."""
        return tuple(p for p in self.network.projections if p.name in (TRAINED, HIDDEN, RECURRENT))

    @property
    def n_trains(self) -> int:
        """Inputs side by side that carry one source."""
        return self.hidden.trains if self.hidden else 1

    @property
    def has_hidden(self) -> bool:
        """Whether a hidden layer stands between inputs and outputs."""
        return self.hidden is not None

    @property
    def feedback_on_die(self) -> bool:
        """Whether controllers reach the hidden layer on the die; a host works out what they would bring."""
        return self.has_hidden and self.network[TRAINED].store == STORES["chip"]

    @property
    def disturbed(self) -> int:
        """Hidden neurons that noise reaches."""
        return self.hidden.disturbed if self.hidden else 0

    @property
    def noise(self) -> Noise:
        """The noise that reaches them."""
        return self.hidden.noise if self.disturbed else NO_NOISE

    @property
    def pairs(self) -> np.ndarray:
        """Trained synapses of the outputs, (pair, 2): input (or hidden) neuron and output neuron."""
        return self.network[TRAINED].pairs

    def weight_table(self, weights: np.ndarray, name: str = TRAINED) -> np.ndarray:
        """Flat weights of a trained projection (run, pair) as (run, receiver, sender), 0 where there is no synapse."""
        projection = self.network[name]
        table = np.zeros((len(weights), projection.post.n, projection.pre.n), weights.dtype)
        table[:, projection.pairs[:, 1], projection.pairs[:, 0]] = weights
        return table

    def connected(self, name: str = TRAINED) -> np.ndarray:
        """Who reads whom through a trained projection, (receiver, sender) bool."""
        return self.weight_table(np.ones((1, len(self.network[name])), np.int64), name)[0] > 0

    def flat_weights(self, table: np.ndarray, name: str = TRAINED) -> np.ndarray:
        """The inverse of :meth:`weight_table`: (..., receiver, sender) as (..., pair)."""
        pairs = self.network[name].pairs
        return table[..., pairs[:, 1], pairs[:, 0]]


def build_circuit(
    task: Task,
    where: str,
    controller: Controller,
    latched: Latched = _AS_DEVICE,
    hidden: Hidden | None = None,
    *,
    closed: bool = True,
) -> Circuit:
    """Network of a classifier under feedback control.

    Parameters
    ----------
    task : its classes and sources set the sizes
    where : ``"chip"`` (plastic synapses) or ``"host"`` (CAM words)
    controller : wiring recipe
    latched : latches of the output neurons and of their trained synapses
    hidden : recipe of a hidden layer; None for one layer
    closed : whether controllers reach their output neurons; in an open loop a host only reads what they report
    """
    k, n_units = controller.neurons_per_unit, task.n_classes
    n = k * n_units
    net = Network(task.name)
    inputs = net.sources("inputs", task.n_sources)
    net.sources("targets", n)
    net.sources("gate", 1)
    outputs = net.population("outputs", n, point=controller.output_point, latches=latched.neurons)
    for pool in ("positive", "negative"):
        net.population(pool, n, point=controller.controller_point)
    senders, sees = inputs, np.tile(task.receptive_fields(k), (n_units, 1))
    if hidden is not None:
        senders, sees = add_hidden(net, task, hidden, STORES[where], k)
    output, source = np.nonzero(sees)
    net.project_signed(
        senders,
        outputs,
        positive="ampa",
        negative="gaba_b",
        pairs=np.stack([source, output], axis=1),
        name=TRAINED,
        store=STORES[where],
        stp=latched.stp,
        delay=latched.delay,
    )
    _wire_controllers(net, controller, closed)
    return Circuit(net, task.n_sources, n_units, k, hidden)


def _wire_controllers(net: Network, controller: Controller, closed: bool) -> None:
    """Let controllers compare outputs with targets, the gate silence them, and a closed loop move the outputs."""
    for pool, excited_by, inhibited_by in (("positive", "targets", "outputs"), ("negative", "outputs", "targets")):
        for sender, receptor, verb in ((excited_by, "ampa", "excite"), (inhibited_by, "gaba_b", "inhibit")):
            words, name = controller.comparison_words, f"{sender} {verb} {pool}"
            net.project(sender, pool, receptor=receptor, words=words, pairs="one", name=name)
        net.project("gate", pool, receptor="gaba_a", words=controller.gate_words, name=f"gate {pool}")
    for pool, receptor, name in (("positive", "nmda", "raise outputs"), ("negative", "gaba_a", "lower outputs")):
        if closed:
            net.project(pool, "outputs", receptor=receptor, words=controller.feedback_words, pairs="one", name=name)
