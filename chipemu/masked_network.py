"""Float reference of a hidden layer: the chip's shape and connections, trained by backpropagation.

It sees the rates that the chip is sent, and has a weight exactly where the chip has a synapse.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from chipemu.tasks import Task

_STEP, _BATCH = 5e-3, 20
_KEPT, _TINY = (0.9, 0.999), 1e-8  # of Adam (Kingma and Ba 2015)


def masked_accuracy(
    task: Task, sees: np.ndarray, reads: np.ndarray, *, epochs: int = 60, seed: int = 0
) -> dict[str, float]:
    """Accuracy of a rectified hidden layer and a linear sum over the output neurons of each class.

    Parameters
    ----------
    task : Task
        Trained on its train split: Adam, learning rate 5e-3 that falls to zero, batches of 20, cross-entropy.
    sees : (hidden neuron, source) bool
        Which sources each hidden neuron has.
    reads : (output neuron, hidden neuron) bool
        Which hidden neurons each output neuron reads; those of a class side by side.
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
    >>> binary = load_task("binary")
    >>> everything = np.ones((4, binary.n_sources), bool), np.ones((2, 4), bool)
    >>> masked_accuracy(binary, *everything, epochs=20)["test"]
    1.0
    """
    rng = np.random.default_rng(seed)
    centre, scale = task.rates["train"].mean(0), task.rates["train"].std(0) + 1.0  # [Hz]; a constant becomes 0
    inputs = {split: (rates - centre) / scale for split, rates in task.rates.items()}
    # together the output neurons of a class read each hidden neuron as often as they have synapses from it
    read = reads.reshape(task.n_classes, -1, reads.shape[1]).sum(1).T
    masks = (sees.T.astype(float), np.ones(len(sees)), read.astype(float), np.ones(task.n_classes))
    weights = [rng.normal(0, 1 / np.sqrt(max(mask.sum(0).max(), 1)), mask.shape) * mask for mask in masks]
    labels = {split: y for split, (_, y) in task.splits.items()}
    descend(
        weights,
        masks,
        lambda batch: _slopes(weights, inputs["train"][batch], labels["train"][batch]),
        list(in_batches(len(labels["train"]), epochs, rng)),
    )
    return {split: float(np.mean(_scores(weights, x)[1].argmax(1) == labels[split])) for split, x in inputs.items()}


def descend(
    weights: Sequence[np.ndarray],
    masks: Sequence[np.ndarray],
    slopes: Callable[[np.ndarray], Sequence[np.ndarray]],
    batches: Sequence[np.ndarray],
) -> None:
    """Let weights go down their slopes by Adam, with a learning rate of 5e-3 that falls to zero.

    Parameters
    ----------
    weights : sequence of ndarray
        Changed in place.
    masks : sequence of ndarray
        0 where there is no weight.
    slopes : callable
        Gradients at the weights as they are, of the presentations of a batch.
    batches : sequence of ndarray of int

    Examples
    --------
    >>> w = [np.array([1.0])]
    >>> descend(w, [np.ones(1)], lambda batch: [2 * w[0]], [np.zeros(1, int)] * 3000)
    >>> bool(abs(w[0][0]) < 0.01)
    True
    """
    moments = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    for step, batch in enumerate(batches, 1):
        for w, mask, slope, mean, square in zip(weights, masks, slopes(batch), *moments, strict=True):
            mean += (1 - _KEPT[0]) * (slope - mean)
            square += (1 - _KEPT[1]) * (slope**2 - square)
            size = np.sqrt(square / (1 - _KEPT[1] ** step)) + _TINY
            w -= _STEP * (1 - step / len(batches)) * (mask > 0) * mean / (1 - _KEPT[0] ** step) / size


def in_batches(n: int, epochs: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Presentations of every batch: each epoch has all of ``n`` in an order of its own."""
    for _ in range(epochs):
        order = rng.permutation(n)
        yield from (order[first : first + _BATCH] for first in range(0, n, _BATCH))


def cross_entropy(score: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean cross-entropy of scores (presentation, class), and its derivative by them.

    Examples
    --------
    >>> loss, slope = cross_entropy(np.zeros((1, 2)), np.array([0]))
    >>> round(loss, 3), slope.tolist()
    (0.693, [[-0.5, 0.5]])
    """
    likely = np.exp(score - score.max(1, keepdims=True))
    likely /= likely.sum(1, keepdims=True)
    everyone = np.arange(len(labels))
    loss = float(-np.log(likely[everyone, labels] + 1e-30).mean())
    likely[everyone, labels] -= 1
    return loss, likely / len(labels)


def _scores(weights: list[np.ndarray], x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hidden = np.maximum(x @ weights[0] + weights[1], 0.0)
    return hidden, hidden @ weights[2] + weights[3]


def _slopes(weights: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Gradient of the mean cross-entropy."""
    hidden, score = _scores(weights, x)
    _, error = cross_entropy(score, y)
    back = (error @ weights[2].T) * (hidden > 0)
    return [x.T @ back, back.sum(0), hidden.T @ error, error.sum(0)]
