"""A float spiking network of the chip's shape, and the gradient of what it does: surrogate gradients through time.

Two layers of leaky integrate-and-fire neurons with exponential synapses.  Constants are those of a nominal die, and a
weight is a code of its plastic synapses, so that a weight here means the same as there:

    tau dv/dt = (I_dc + I_step sum_j w_j s_j) / I_rh - (1 + a) v,     a spike at v = 1, then dead for t_dead,

with the trace s_j (+1 at a spike of sender j, decays with tau_syn) and the adaptation a (+ ``adaptation`` at each of
the neuron's own spikes): the soma of `chipemu.kernels.soma` far above its gain, where its current integrates linearly.
A reset keeps the overshoot, so that the time step does not lower the rate.

Backwards a spike has the slope 1 / (1 + b |v - 1|)^2 (SuperSpike: Zenke and Ganguli 2018), and the error runs back
through membrane, synapse and layer (Neftci, Mostafa and Zenke 2019).  Reset, dead time and adaptation have no slope.

Not modelled: noise, the compression of synapses at the scale of their gain, the bend of the soma at onset.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from chipemu.virtual_die import NOMINAL, LayerFactors

STEEPNESS = 5.0  # b of the surrogate slope, thresholds in units of the rheobase


@dataclass(frozen=True)
class FloatNeuron:
    """Constants of the neurons of a layer, and of their synapses.

    Attributes
    ----------
    tau : of the membrane [s]
    rheobase : smallest constant current that makes it fire [A]
    dead_time : refractory period, and the time a spike takes to rise [s]
    tau_syn : of the synapses [s]
    step_current : jump of the synaptic current at a spike through a code of 1 [A]
    dc : constant current [A]
    adaptation : what a spike adds to the leak, in units of the leak
    tau_adaptation : of that [s]

    Examples
    --------
    >>> neuron = FloatNeuron(tau=20e-3, rheobase=200e-12, dead_time=3e-3, tau_syn=30e-3, step_current=30e-12)
    >>> round(float(neuron.rate(400e-12)), 1), float(neuron.rate(100e-12))
    (59.3, 0.0)
    """

    tau: float
    rheobase: float
    dead_time: float
    tau_syn: float
    step_current: float
    dc: float = 0.0
    adaptation: float = 0.0
    tau_adaptation: float = 50e-3

    def rate(self, current: np.ndarray | float) -> np.ndarray:
        """Firing rate under a constant current [A], without adaptation [Hz]."""
        ratio = np.maximum(np.asarray(current, float) / self.rheobase, 1.0 + 1e-12)
        period = self.dead_time + self.tau * np.log(ratio / (ratio - 1))
        return np.where(np.asarray(current) > self.rheobase, 1 / period, 0.0)


@dataclass(frozen=True, eq=False)
class FloatNetwork:
    """Shape, constants and time step of a float network.

    Attributes
    ----------
    sees : (hidden neuron, source) bool, where the hidden layer has synapses
    reads : (output neuron, hidden neuron) bool; output neurons of a class side by side
    n_classes : number of classes
    hidden, outputs : constants of either layer
    settle, count : time from onset that is not counted, and time in which output spikes are [s]
    dt : time step [s]
    smooth : a spike becomes a graded event, the integral of its surrogate slope, and nothing is reset: what the
        gradient below is exact for
    """

    sees: np.ndarray
    reads: np.ndarray
    n_classes: int
    hidden: FloatNeuron
    outputs: FloatNeuron
    settle: float = 0.06
    count: float = 0.2
    dt: float = 1e-3
    smooth: bool = False

    @property
    def masks(self) -> tuple[np.ndarray, np.ndarray]:
        """Where weights are, (receiver, sender) of either layer."""
        return self.sees, self.reads


class _Layer(NamedTuple):
    """What a layer did, all (step, presentation, neuron): its input traces too."""

    traces: np.ndarray
    above: np.ndarray  # membrane over threshold before the reset
    spikes: np.ndarray
    gate: np.ndarray  # part of the current that the membrane took in a step
    keep: np.ndarray  # part of the membrane that a step left


@dataclass(frozen=True, eq=False)
class Pass:
    """One forward pass: spikes of every class in the counting window, (presentation, class), and what led to them."""

    counts: np.ndarray
    layers: tuple[_Layer, _Layer]
    die: tuple[LayerFactors, LayerFactors] = field(default=(NOMINAL, NOMINAL))


def regular_spikes(rates: np.ndarray, duration: float, dt: float, rng: np.random.Generator) -> np.ndarray:
    """Regular trains that start anywhere in their interval, (step, presentation, source) spikes.

    Parameters
    ----------
    rates : (presentation, source) [Hz]

    Examples
    --------
    >>> regular_spikes(np.array([[100.0]]), 0.1, 1e-3, np.random.default_rng(0)).sum()
    np.float32(10.0)
    """
    ticks = np.arange(round(duration / dt) + 1, dtype=np.float32)[:, None, None]
    reached = np.floor(rng.random(rates.shape, np.float32) + np.float32(dt) * rates.astype(np.float32) * ticks)
    return np.diff(reached, axis=0)


def forward(
    network: FloatNetwork,
    weights: tuple[np.ndarray, np.ndarray],
    spikes: np.ndarray,
    rng: np.random.Generator,
    die: tuple[LayerFactors, LayerFactors] = (NOMINAL, NOMINAL),
) -> Pass:
    """Let a network run from membranes anywhere below threshold.

    Parameters
    ----------
    network : shape and constants
    weights : (receiver, sender) codes of either layer, 0 where there is no synapse
    spikes : (step, presentation, source), see :func:`regular_spikes`
    rng : draws the membranes at onset
    die : what tells every layer from the nominal one

    Examples
    --------
    >>> neuron = FloatNeuron(20e-3, 200e-12, 3e-3, 30e-3, 30e-12, dc=190e-12)
    >>> one = FloatNetwork(np.ones((1, 1), bool), np.ones((1, 1), bool), 1, neuron, neuron)
    >>> rng = np.random.default_rng(0)
    >>> sent = regular_spikes(np.array([[100.0], [10.0]]), 0.26, one.dt, rng)
    >>> counts = forward(one, (np.full((1, 1), 5.0), np.full((1, 1), 9.0)), sent, rng).counts
    >>> bool(counts[0, 0] > counts[1, 0])
    True
    """
    layers = []
    for neuron, codes, factors in zip((network.hidden, network.outputs), weights, die, strict=True):
        layer = _run(network, neuron, codes, spikes, rng, factors)
        layers.append(layer)
        spikes = np.zeros_like(layer.spikes)
        spikes[1:] = layer.spikes[:-1]  # a spike arrives at the next step
    counted = layers[1].spikes[round(network.settle / network.dt) :].sum(0)
    return Pass(counted.reshape(len(counted), network.n_classes, -1).sum(2), tuple(layers), die)


def _run(network: FloatNetwork, neuron: FloatNeuron, codes, spikes, rng, factors: LayerFactors) -> _Layer:
    traces = _filtered(spikes, np.exp(-network.dt / neuron.tau_syn))
    current = sum(_times(traces, part.T) * factor for part, factor in factors.parts(codes))
    current *= np.float32(neuron.step_current / neuron.rheobase)
    current += np.float32(neuron.dc / neuron.rheobase)
    current *= np.asarray(factors.gain, np.float32)
    return _Layer(traces, *_integrate(network, neuron, current, np.asarray(factors.leak, np.float32), rng))


def _times(values: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return (values.reshape(-1, values.shape[2]) @ matrix).reshape(*values.shape[:2], matrix.shape[1])


def _filtered(spikes: np.ndarray, decay: float) -> np.ndarray:
    """Synaptic traces in the middle of every step: their mean is rate times time constant, whatever the step."""
    traces, trace = np.empty_like(spikes), np.zeros_like(spikes[0])
    for t, arrived in enumerate(spikes):
        trace *= np.float32(decay)
        trace += arrived
        traces[t] = trace
    traces *= np.float32(np.sqrt(decay))
    return traces


def _integrate(network: FloatNetwork, neuron: FloatNeuron, current, leak, rng) -> tuple[np.ndarray, ...]:
    """Membranes under a current (step, presentation, neuron) in units of the rheobase."""
    rate, dead = np.float32(-np.expm1(-network.dt / neuron.tau)), np.float32(neuron.dead_time / network.dt)
    decay = np.float32(np.exp(-network.dt / neuron.tau_adaptation))
    above, fired, gate, keep = (np.empty_like(current) for _ in range(4))
    v = rng.random(current.shape[1:], np.float32)
    waits, slowed = np.zeros_like(v), np.zeros_like(v)
    for t, input_current in enumerate(current):
        taken = rate * np.clip(1 - waits, 0, 1)
        left = 1 - taken * (leak + slowed)
        v = left * v + taken * input_current
        above[t], gate[t], keep[t] = v - 1, taken, left
        if network.smooth:
            fired[t] = _graded(above[t])
            continue
        spiked = (v >= 1).astype(np.float32)
        fired[t] = spiked
        v -= spiked
        waits = np.maximum(waits - 1, 0) + dead * spiked
        if neuron.adaptation:
            slowed = decay * slowed + np.float32(neuron.adaptation) * spiked
    return above, fired, gate, keep


def _graded(above: np.ndarray) -> np.ndarray:
    """Integral of :func:`_slope`."""
    return above / (1 + STEEPNESS * np.abs(above))


def _slope(above: np.ndarray) -> np.ndarray:
    return 1 / (1 + STEEPNESS * np.abs(above)) ** 2


def backward(network: FloatNetwork, weights, done: Pass, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of a loss by the codes of either layer, 0 where there is no synapse.

    Parameters
    ----------
    network, weights : as they were
    done : the forward pass
    error : (presentation, class) derivative of the loss by the counts

    Examples
    --------
    >>> neuron = FloatNeuron(20e-3, 200e-12, 3e-3, 30e-3, 30e-12, dc=190e-12)
    >>> one = FloatNetwork(np.ones((1, 1), bool), np.ones((1, 1), bool), 1, neuron, neuron)
    >>> rng, codes = np.random.default_rng(0), (np.full((1, 1), 5.0), np.full((1, 1), 9.0))
    >>> done = forward(one, codes, regular_spikes(np.array([[50.0]]), 0.26, one.dt, rng), rng)
    >>> all(slope.item() > 0 for slope in backward(one, codes, done, np.ones((1, 1))))
    True
    """
    hidden, outputs = done.layers
    n_per_class = len(network.reads) // network.n_classes
    asked = np.zeros_like(outputs.spikes)
    asked[round(network.settle / network.dt) :] = np.repeat(error, n_per_class, axis=1)
    at_outputs = _back(network.outputs, outputs, asked, done.die[1])
    by_trace = sum(_times(at_outputs * factor, part) for part, factor in done.die[1].parts(weights[1]))
    passed = _unfiltered(by_trace, np.exp(-network.dt / network.outputs.tau_syn))
    at_hidden = _back(network.hidden, hidden, passed, done.die[0])
    return (
        _by_codes(at_hidden, hidden.traces, weights[0], done.die[0]) * network.sees,
        _by_codes(at_outputs, outputs.traces, weights[1], done.die[1]) * network.reads,
    )


def _back(neuron: FloatNeuron, layer: _Layer, asked: np.ndarray, factors: LayerFactors) -> np.ndarray:
    """Gradient by what the synapses of a layer add up to in every step, in codes times trace."""
    slope = _slope(layer.above)
    slope *= asked
    at_synapses, error = np.empty_like(slope), np.zeros_like(slope[0])
    for t in range(len(slope) - 1, -1, -1):
        error += slope[t]
        at_synapses[t] = error * layer.gate[t]
        error *= layer.keep[t]
    at_synapses *= np.float32(neuron.step_current / neuron.rheobase) * np.asarray(factors.gain, np.float32)
    return at_synapses


def _by_codes(error: np.ndarray, traces: np.ndarray, codes: np.ndarray, factors: LayerFactors) -> np.ndarray:
    """Sum over steps and presentations of error times trace, (receiver, sender), at the sign that a code has."""
    flat = traces.reshape(-1, traces.shape[2])
    sides = [(error * factor).reshape(-1, error.shape[2]).T @ flat for _, factor in factors.parts(codes)]
    return (np.where(codes >= 0, sides[0], sides[1]) if len(sides) > 1 else sides[0]) * factors.slot


def _unfiltered(by_trace: np.ndarray, decay: float) -> np.ndarray:
    """Gradient by the spikes of senders, of that by their traces: filtered backwards, and one step earlier."""
    out, error = np.empty_like(by_trace), np.zeros_like(by_trace[0])
    for t in range(len(by_trace) - 1, -1, -1):
        out[t] = error
        error = np.float32(decay) * error + np.float32(np.sqrt(decay)) * by_trace[t]
    return out
