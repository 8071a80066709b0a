"""Feedback of a hidden layer that is learned from noise, while the weights learn (Strong-DFC: Meulemans et al. 2022).

A controlled pass goes on, when its synapses have learned, under noise: in each of a few windows every hidden neuron is
raised or lowered by events of its own.  What that does to the outputs their controllers answer, so that h and u, spikes
of hidden neurons and of positive less negative controllers of a unit, tell how the outputs read the hidden layer.  Over
deviations from the mean of the windows of one presentation, in which nothing but the noise differs,

    Q = -<u~ h~> (<h~ h~> + r)^-1

where older presentations fade, in whole words at every checkpoint.  The published rule, dQ = -eta <u~ h~> - beta Q,
ends at Q in proportion to -<u~ h~>; dividing by the covariance does not weigh neurons by how far noise moves them, and
takes fewer presentations.

A host does this, from spikes alone: it knows neither the codes of the outputs nor the noise.  Left out: synapses from
controllers to hidden neurons that do it themselves, and noise while the weights learn, whose answers these would learn.
"""

import numpy as np

from chipemu.learning.feedback import mirrored_feedback
from chipemu.learning.hidden import Hidden


class LearnedFeedback:
    """What the spikes of every run have told of its feedback so far.

    Parameters
    ----------
    hidden : recipe of the layer
    n_runs, n_units : runs, and units of the outputs

    Examples
    --------
    Two units read four neurons; their controllers answer what noise does to the sums.

    >>> rng, read = np.random.default_rng(0), np.array([[2, 0], [0, 2], [-2, 0], [0, -2]])
    >>> h = rng.integers(0, 9, (1, 50, 4, 4))
    >>> learned = LearnedFeedback(Hidden(4), 1, 2)
    >>> learned.observe(h, -h @ read)
    >>> learned.feedback()[0].tolist()
    [[3, 0], [0, 3], [-3, 0], [0, -3]]
    """

    def __init__(self, hidden: Hidden, n_runs: int, n_units: int):
        self._hidden = hidden
        self._spread = np.zeros((n_runs, hidden.neurons, hidden.neurons))
        self._answer = np.zeros((n_runs, hidden.neurons, n_units))

    def observe(self, fired: np.ndarray, net: np.ndarray) -> None:
        """Take in the noise windows of presentations; one in which no hidden neuron fired was not taught.

        Parameters
        ----------
        fired : (run, presentation, window, hidden neuron) spikes
        net : (run, presentation, window, unit) spikes of positive controllers less those of negative ones
        """
        for run, taught in enumerate(fired.any((2, 3))):
            h, u = (_deviations(spikes[run, taught]) for spikes in (fired, net))
            kept = np.exp(-taught.sum() / self._hidden.noise.memory)
            self._spread[run] = kept * self._spread[run] + h.T @ h
            self._answer[run] = kept * self._answer[run] + h.T @ u

    def feedback(self) -> np.ndarray:
        """Q in whole words, (run, hidden neuron, unit); 0 of a run that has not been taught yet."""
        n, estimate = self._hidden.neurons, np.empty_like(self._answer)
        for run, spread in enumerate(self._spread):  # each run by itself: its bits do not depend on its neighbours
            ridge = max(self._hidden.noise.ridge * np.trace(spread) / n, 1e-9)
            estimate[run] = -np.linalg.solve(spread + ridge * np.eye(n), self._answer[run])
        return mirrored_feedback(self._hidden, estimate)


def _deviations(spikes: np.ndarray) -> np.ndarray:
    """Spikes (presentation, window, neuron) less their mean over the windows, (presentation and window, neuron)."""
    return (spikes - spikes.mean(1, keepdims=True)).reshape(-1, spikes.shape[2])
