"""Float reference of a recurrent hidden layer: the chip's shape, trained by backpropagation through time.

It sees the rates that the chip is sent in the phases of a presentation, and has a weight exactly where the chip has a
synapse.  Rectified units follow their drive with one time constant,

    h <- h + (step / tau) (max(0, W_in x + W_rec h + b) - h),

begin every presentation at rest, and are read out by what they do on average while the decision is counted.
"""

from dataclasses import dataclass

import numpy as np

from chipemu.masked_network import cross_entropy, descend, in_batches
from chipemu.tasks import Task

_LARGEST = 1.0  # norm to which a gradient is cut


@dataclass(frozen=True)
class Timing:
    """When what happens in a presentation of the float network.

    Attributes
    ----------
    settle, delay, decide : lengths of the phases [s]
    tau : time constant of a unit [s]
    step : [s]
    """

    settle: float
    delay: float
    decide: float
    tau: float
    step: float = 0.02

    @property
    def pace(self) -> float:
        """Part of the way to its drive that a unit goes in a step."""
        return min(1.0, self.step / self.tau)

    @property
    def steps(self) -> tuple[int, int, int]:
        """Steps of each phase, at least one of the first and of the last.

        Examples
        --------
        >>> Timing(0.1, 0.0, 0.2, tau=0.1).steps
        (5, 0, 10)
        """
        return tuple(
            max(least, round(length / self.step))
            for least, length in ((1, self.settle), (0, self.delay), (1, self.decide))
        )


def recurrent_accuracy(
    task: Task,
    sees: np.ndarray,
    hears: np.ndarray | None,
    reads: np.ndarray,
    timing: Timing,
    *,
    epochs: int = 30,
    seed: int = 0,
) -> dict[str, float]:
    """Accuracy of a rectified recurrent layer and a linear sum over the output neurons of each class.

    Parameters
    ----------
    task : Task
        Trained on its train split: Adam, learning rate 5e-3 that falls to zero, batches of 20, cross-entropy.
    sees : (hidden neuron, source) bool
        Which sources each hidden neuron has.
    hears : (hidden neuron, hidden neuron) bool, or None
        Which hidden neurons, the second, each hidden neuron has; None leaves what the units remember by themselves.
    reads : (output neuron, hidden neuron) bool
        Which hidden neurons each output neuron reads; those of a class side by side.
    timing : Timing
        Of a presentation; a ``tau`` as short as ``step`` leaves the units without a memory of their own.
    epochs : int
        Passes through the train split.
    seed : int
        Of first weights and order.

    Returns
    -------
    dict of split to float
        Accuracy [1] after the last epoch.

    Examples
    --------
    >>> from chipemu.tasks import load_task
    >>> cue = load_task("delayed-cue")
    >>> sees, hears, reads = np.ones((8, 9), bool), np.ones((8, 8), bool), np.ones((4, 8), bool)
    >>> without_memory = Timing(0.02, 0.02, 0.02, tau=0.02)
    >>> recurrent_accuracy(cue, sees, None, reads, without_memory, epochs=1)["test"]
    0.25
    """
    rng, read = np.random.default_rng(seed), reads.reshape(task.n_classes, -1, reads.shape[1]).sum(1).T
    n = len(sees)
    heard = np.zeros((n, n)) if hears is None else hears.T
    masks = [mask.astype(float) for mask in (sees.T, heard, np.ones(n), read, np.ones(task.n_classes))]
    weights = [rng.normal(0, 1 / np.sqrt(max(mask.sum(0).max(), 1)), mask.shape) * mask for mask in masks]
    largest = task.phases["train"].max()  # not centred: a constant source stays one in either phase
    inputs = {split: sent / largest for split, sent in task.phases.items()}
    labels = {split: y for split, (_, y) in task.splits.items()}
    descend(
        weights,
        masks,
        lambda batch: _slopes(weights, inputs["train"][batch], labels["train"][batch], timing),
        list(in_batches(len(labels["train"]), epochs, rng)),
    )
    return {
        split: float(np.mean(_scores(weights, x, timing)[-1].argmax(1) == labels[split])) for split, x in inputs.items()
    }


def _scores(weights: list[np.ndarray], x: np.ndarray, timing: Timing) -> tuple[list, list, np.ndarray]:
    """States before every step and after the last, drives, and scores of inputs (presentation, phase, source)."""
    early, _, late = timing.steps
    fed = x @ weights[0] + weights[2]
    states, drives = [np.zeros((len(x), len(weights[2])))], []
    for k in range(sum(timing.steps)):
        drives.append(fed[:, 0 if k < early else -1] + states[-1] @ weights[1])
        states.append(states[-1] + timing.pace * (np.maximum(drives[-1], 0.0) - states[-1]))
    return states, drives, np.mean(states[-late:], axis=0) @ weights[3] + weights[4]


def _slopes(weights: list[np.ndarray], x: np.ndarray, y: np.ndarray, timing: Timing) -> list[np.ndarray]:
    """Gradient of the mean cross-entropy, back through every step, and cut to a norm of at most 1."""
    states, drives, score = _scores(weights, x, timing)
    early, _, late = timing.steps
    _, error = cross_entropy(score, y)
    told = error @ weights[3].T / late
    slopes = [np.zeros_like(w) for w in weights]
    back = np.zeros_like(told)
    for k in reversed(range(len(drives))):
        back += told if k >= len(drives) - late else 0.0
        drive = timing.pace * back * (drives[k] > 0)
        slopes[0] += x[:, 0 if k < early else -1].T @ drive
        slopes[1] += states[k].T @ drive
        slopes[2] += drive.sum(0)
        back = (1 - timing.pace) * back + drive @ weights[1].T
    slopes[3:] = np.mean(states[-late:], axis=0).T @ error, error.sum(0)
    norm = np.sqrt(sum((slope**2).sum() for slope in slopes))
    return [slope * min(1.0, _LARGEST / max(norm, 1e-12)) for slope in slopes]
