"""Weights of a float spiking network, trained off the die by surrogate gradients, given to every die as they are.

The reference for learning on the die.  The float network has the circuit's shape and connections, the constants of a
nominal die and codes for weights, so that what it loses on a real one is what it does not know of that die.  Trained on
virtual dies (``snn-mismatch``) it knows how much dies spread, but none of them: they are drawn with the spreads from
neuron to neuron of the device file, scaled by the same switches as the real dies.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from chipemu.device import DeviceSpec
from chipemu.effects import switches
from chipemu.errors import InputError, UnknownNameError
from chipemu.float_network import FloatNetwork, FloatNeuron
from chipemu.float_training import Codes, accuracy_float, train_float
from chipemu.learning.float_neuron import float_neuron
from chipemu.learning.handover import beside_feedback
from chipemu.learning.hidden import HIDDEN, TRAINED, Hidden, code_max, first_weights
from chipemu.learning.session import Session
from chipemu.learning.settings import TRANSFERS, Settings, hidden_layer
from chipemu.parameter_names import BASES
from chipemu.spread import reference_sigma
from chipemu.tasks import Task
from chipemu.virtual_die import Spread
from chipemu.weight_memory import TrainedImage


@dataclass(frozen=True, eq=False)
class Transfer:
    """What a float network hands over: weights for every run, and its own accuracy with them by split."""

    image: TrainedImage
    accuracy: Mapping[str, float]


@dataclass(frozen=True)
class _Order:
    """What a float network is trained for; orders that compare equal are trained once."""

    data: bytes
    layer: Hidden
    neurons: tuple[FloatNeuron, FloatNeuron]
    timing: tuple[float, float]
    code_max: int
    spread: tuple[Spread, Spread]
    seed: int
    task: Task = field(compare=False)
    network: FloatNetwork = field(compare=False)
    first: Codes = field(compare=False)
    tick: Callable | None = field(compare=False, default=None)


def check_transfer(settings: Settings, task: Task) -> None:
    """Refuse what cannot be transferred, before any work is done.

    Parameters
    ----------
    settings : with ``transfer``, or without
    task : that the weights are for

    Raises
    ------
    UnknownNameError
        If there is no such float network.
    InputError
        If there is no hidden layer, or it has recurrent synapses or inputs that change, or other weights or labels are
        asked for too.

    Examples
    --------
    >>> from chipemu.tasks import load_task
    >>> check_transfer(Settings("yinyang", transfer="snn", hidden=120), load_task("yinyang"))
    """
    if settings.transfer is None:
        return
    if settings.transfer not in TRANSFERS:
        raise UnknownNameError("float network", settings.transfer, TRANSFERS)
    asked = f"--transfer {settings.transfer}"
    if not settings.hidden:
        raise InputError(f"{asked} hands over a network with a hidden layer: give --hidden, e.g. 120")
    if hidden_layer(settings).recurrent:
        raise InputError(f"{asked} hands over a feed-forward network: leave --recurrent out")
    if task.late_rates is not None:
        raise InputError(f"{asked} has no float network for inputs that change on the way, as those of {task.name}")
    if settings.start_from is not None:
        raise InputError(f"{asked} and --from both hand over weights; give one of them")
    if settings.permute_labels:
        raise InputError(f"{asked} trains on the labels of the task; --permute-labels has nothing to permute there")


def transferred(settings: Settings, task: Task, session: Session, tick=None) -> Transfer:
    """Train the float network that an experiment asks for, or take the one that is already trained.

    Parameters
    ----------
    settings : with ``transfer``
    task : as it is sent
    session : whose circuit and nominal die it copies
    tick : called with the number of batches done and their total

    Returns
    -------
    Transfer
    """
    codes, accuracy = _trained(replace(_order(settings, task, session), tick=tick))
    circuit = session.circuit
    flat = {name: circuit.flat_weights(table, name) for name, table in zip((HIDDEN, TRAINED), codes, strict=True)}
    image = {name: np.tile(codes.astype(np.int64), (session.n_runs, 1)) for name, codes in flat.items()}
    return Transfer(TrainedImage(image | beside_feedback(session, image), None), accuracy)


@lru_cache(maxsize=16)
def _trained(order: _Order) -> tuple[Codes, dict[str, float]]:
    codes = train_float(
        order.network, order.task, order.first, order.code_max, spread=order.spread, seed=order.seed, tick=order.tick
    )
    splits = ("validation", "test")
    return codes, {split: accuracy_float(order.network, order.task, codes, split) for split in splits}


def _order(settings: Settings, task: Task, session: Session) -> _Order:
    circuit, mapped, layer = session.circuit, session.emulator.mapped, hidden_layer(settings)
    network = float_network(session, settings)
    rng = np.random.default_rng([settings.seed, 0])
    most = code_max(mapped.device)
    first = first_weights(layer, circuit, task.rates["train"], most, [rng])
    tables = tuple(circuit.weight_table(first[name], name)[0].astype(float) for name in (HIDDEN, TRAINED))
    wide = settings.transfer == "snn-mismatch"
    spread = spread_of(mapped.device, settings) if wide else Spread()
    data = task.rates["train"].tobytes() + task.splits["train"][1].tobytes()
    neurons, timing = (network.hidden, network.outputs), (network.settle, network.count)
    return _Order(data, layer, neurons, timing, most, (spread, spread), settings.seed, task, network, tables)


def float_network(session: Session, settings: Settings) -> FloatNetwork:
    """The float network of a session's circuit: its connections, and the constants of its nominal die."""
    circuit, emulator = session.circuit, session.emulator
    sees, reads = circuit.connected(HIDDEN), circuit.connected(TRAINED)
    hidden, outputs = (
        float_neuron(emulator.mapped, name, emulator.dt, settings.without) for name in ("hidden", "outputs")
    )
    schedule = session.schedule
    return FloatNetwork(sees, reads, circuit.n_units, hidden, outputs, settle=schedule.settle, count=schedule.answered)


def spread_of(device: DeviceSpec, settings: Settings) -> Spread:
    """Spread of virtual dies: that from neuron to neuron of the device file, and from synapse to synapse, as switched.

    The charge of a code holds the spread of its pulse and of its synapse's time constant.  Where a word has a mask its
    pulse is taken to spread as the largest base current, that more than half of it comes from; that positive and
    negative words of a neuron share their base currents is left out.

    Examples
    --------
    >>> from chipemu import load_device
    >>> device = load_device("dynapse1-plastic")
    >>> spread_of(device, Settings("yinyang", scale={"mismatch": 2.0})).leak
    0.36
    """
    applied = switches(settings.without, settings.scale)
    weight = BASES[-1] if device.weights == "masks" else "I_w_ampa"
    leak, gain, pulse, decay = (
        reference_sigma(device, settings.mismatch_model, name) for name in ("I_tau", "I_gain", weight, "I_tau_ampa")
    )
    spread = Spread(leak, gain, float(np.hypot(pulse, decay))).times(applied.scale("mismatch_within_core"))
    return replace(spread, slot=device.mismatch.slot * applied.scale("mismatch_slot"))
