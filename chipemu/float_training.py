"""Training a float spiking network by backpropagation: Adam on the cross-entropy of its spike counts, weights in codes.

Weights stay within the codes of the device.  In the second half of training the network runs on rounded codes while the
gradient moves the float ones beneath (straight-through: Bengio, Leonard and Courville 2013), so that rounding at the
end changes nothing.  With a spread, every presentation runs on a virtual die of its own (`chipemu.virtual_die`).
"""

from dataclasses import dataclass, replace

import numpy as np

from chipemu.float_network import FloatNetwork, backward, forward, regular_spikes
from chipemu.masked_network import cross_entropy
from chipemu.tasks import Task
from chipemu.virtual_die import LayerFactors, Spread, draw

_KEPT, _TINY = (0.9, 0.999), 1e-8  # of Adam (Kingma and Ba 2015)
_TOGETHER = 100  # presentations of a test in one pass
Codes = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Recipe:
    """How a float network is trained.

    Attributes
    ----------
    epochs : passes through the train split
    batch : presentations of a step
    step : learning rate of Adam, of either layer, that falls to zero [codes]
    count : time in which output spikes count while training, which is shorter than in a test [s]
    dt : time step while training [s]; rates hardly depend on it
    certainty : log-odds for each spike by which a class leads
    rounding : fraction of training from which the network runs on rounded codes
    """

    epochs: int = 10
    batch: int = 50
    step: tuple[float, float] = (0.2, 0.5)
    count: float = 0.1
    dt: float = 2e-3
    certainty: float = 0.15
    rounding: float = 0.5


def train_float(
    network: FloatNetwork,
    task: Task,
    first: Codes,
    code_max: int,
    *,
    spread: tuple[Spread, Spread] = (Spread(), Spread()),
    recipe: Recipe | None = None,
    seed: int = 0,
    tick=None,
) -> Codes:
    """Train the weights of a float network on the train split of a task.

    Parameters
    ----------
    network : shape and constants
    task : with the sources that the network sees
    first : (receiver, sender) codes of either layer to begin with
    code_max : largest code
    spread : of the virtual dies of either layer; none is the nominal die
    recipe : how; None takes the usual one
    seed : of order, trains, membranes and virtual dies
    tick : called with the number of batches done and their total

    Returns
    -------
    (receiver, sender) whole codes of either layer

    Examples
    --------
    >>> from chipemu.float_network import FloatNeuron
    >>> from chipemu.tasks import load_task
    >>> task, neuron = load_task("binary"), FloatNeuron(20e-3, 200e-12, 3e-3, 30e-3, 30e-12, dc=190e-12)
    >>> rng = np.random.default_rng(0)
    >>> network = FloatNetwork(np.ones((6, 8), bool), np.ones((2, 6), bool), 2, neuron, neuron, dt=2e-3)
    >>> first = rng.integers(-3, 4, (6, 8)), np.zeros((2, 6))
    >>> codes = train_float(network, task, first, 15, recipe=Recipe(epochs=1, batch=10))
    >>> accuracy_float(network, task, codes, "validation") > 0.9
    True
    """
    recipe, rng = recipe or Recipe(), np.random.default_rng(seed)
    network = replace(network, count=recipe.count, dt=recipe.dt)
    codes = [np.array(layer, float) for layer in first]
    moments = [np.zeros_like(w) for w in codes], [np.zeros_like(w) for w in codes]
    rates, labels = task.rates["train"], task.splits["train"][1]
    n_batches = recipe.epochs * (len(labels) // recipe.batch)
    order = np.concatenate([rng.permutation(len(labels)) for _ in range(recipe.epochs + 1)])
    for step in range(n_batches):
        chosen = order[step * recipe.batch :][: recipe.batch]
        progress = step / n_batches
        used = _whole(codes) if progress >= recipe.rounding else tuple(codes)
        slopes = _slopes(network, used, rates[chosen], labels[chosen], spread, recipe.certainty, rng)
        for w, slope, mean, square, eta in zip(codes, slopes, *moments, recipe.step, strict=True):
            w -= eta * (1 - progress) * _adam(slope, mean, square, step + 1)
            np.clip(w, -code_max, code_max, out=w)
        if tick:
            tick(step + 1, n_batches)
    return _whole(codes)


def _whole(codes) -> Codes:
    hidden, outputs = (np.rint(w) for w in codes)
    return hidden, outputs


def _adam(slope: np.ndarray, mean: np.ndarray, square: np.ndarray, step: int) -> np.ndarray:
    """Direction of a step of 1; moves the moments on. A slope that is always zero moves nothing."""
    mean += (1 - _KEPT[0]) * (slope - mean)
    square += (1 - _KEPT[1]) * (slope**2 - square)
    return mean / (1 - _KEPT[0] ** step) / (np.sqrt(square / (1 - _KEPT[1] ** step)) + _TINY)


def _slopes(network: FloatNetwork, codes: Codes, rates, labels, spread, certainty: float, rng) -> Codes:
    """Gradient of the mean cross-entropy of a batch on one virtual die, by the codes of either layer."""
    spikes = regular_spikes(rates, network.settle + network.count, network.dt, rng)
    drawn = _drawn(spread, codes, len(rates), rng)
    done = forward(network, codes, spikes, rng, drawn)
    _, error = cross_entropy(certainty * done.counts, labels)
    return backward(network, codes, done, certainty * error)


def _drawn(spread: tuple[Spread, Spread], codes: Codes, n_dies: int, rng) -> tuple[LayerFactors, LayerFactors]:
    hidden, outputs = (draw(wide, w.shape, n_dies, rng) for wide, w in zip(spread, codes, strict=True))
    return hidden, outputs


def accuracy_float(
    network: FloatNetwork,
    task: Task,
    codes: Codes,
    split: str,
    *,
    spread: tuple[Spread, Spread] = (Spread(), Spread()),
    seed: int = 0,
) -> float:
    """Fraction of a split that a float network decides rightly; a tie is decided at random.

    Parameters
    ----------
    network, task, codes : as trained
    split : name of a split
    spread : of the virtual dies, one for every presentation; none is the nominal die
    seed : of trains, membranes, ties and virtual dies

    Examples
    --------
    >>> from chipemu.float_network import FloatNeuron
    >>> from chipemu.tasks import load_task
    >>> task, neuron = load_task("binary"), FloatNeuron(20e-3, 200e-12, 3e-3, 30e-3, 30e-12)
    >>> network = FloatNetwork(np.ones((6, 8), bool), np.ones((2, 6), bool), 2, neuron, neuron)
    >>> silent = np.zeros((6, 8)), np.zeros((2, 6))
    >>> bool(0.3 < accuracy_float(network, task, silent, "test") < 0.7)
    True
    """
    rng, right = np.random.default_rng([seed, 1]), 0.0
    rates, labels = task.rates[split], task.splits[split][1]
    for first in range(0, len(labels), _TOGETHER):
        here = slice(first, first + _TOGETHER)
        spikes = regular_spikes(rates[here], network.settle + network.count, network.dt, rng)
        drawn = _drawn(spread, codes, len(rates[here]), rng)
        counts = forward(network, codes, spikes, rng, drawn).counts
        decided = (counts + 0.5 * rng.random(counts.shape)).argmax(1)
        right += np.sum(decided == labels[here])
    return float(right / len(labels))
