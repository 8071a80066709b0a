"""What a task is: labelled presentations, cut into fixed splits, and the input rates that encode them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from chipemu.errors import InputError

SPLITS = ("train", "validation", "test")
_FIELD_SEED = 0


@dataclass(frozen=True)
class Task:
    """A classification task as a chip sees it: one presentation is one vector of source rates, or two in turn.

    Parameters
    ----------
    name : str
        Name under which `load_task` knows it.
    classes : tuple of str
        Class names; label `i` is `classes[i]`.
    source_names : tuple of str
        One name for each spike source, in the order of the columns of `rates`.
    splits : mapping of split name to (x, y)
        `x` float (presentation, feature) [1], what the float references are trained on; `y` int (presentation,).
        The rates are affine in `x`, so a linear read-out of one can do exactly what a linear read-out of the other can.
    rates : mapping of split name to array
        Source rates (presentation, source) [Hz].
    summary : str
        One sentence for lists.
    receptive_field : int or None
        Number of sources that one output neuron sees, the last source always among them; None is all of them.
    late_rates : mapping of split name to array, or None
        Source rates from the end of the settle phase on (presentation, source) [Hz]; None keeps `rates` to the end.

    Raises
    ------
    InputError
        If the arrays of a split disagree in length, or a label or a rate is out of range.

    Examples
    --------
    >>> from chipemu.tasks import load_task
    >>> task = load_task("binary")
    >>> task.n_sources, task.rates["test"].shape
    (8, (200, 8))
    """

    name: str
    classes: tuple[str, ...]
    source_names: tuple[str, ...]
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]]
    rates: Mapping[str, np.ndarray]
    summary: str
    receptive_field: int | None = None
    late_rates: Mapping[str, np.ndarray] | None = None

    def __post_init__(self) -> None:
        for split, (x, y) in self.splits.items():
            late = [] if self.late_rates is None else [self.late_rates[split]]
            for rates in (self.rates[split], *late):
                _check_split(self, split, x, y, rates)
            for array in (x, y, self.rates[split], *late):
                array.setflags(write=False)

    @property
    def n_sources(self) -> int:
        """Number of spike sources the task needs."""
        return len(self.source_names)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def phases(self) -> dict[str, np.ndarray]:
        """Source rates of every phase of a presentation, by split (presentation, phase, source) [Hz].

        One phase, or two where rates change at the end of the settle phase.

        Examples
        --------
        >>> from chipemu.tasks import load_task
        >>> load_task("binary").phases["test"].shape, load_task("delayed-cue").phases["test"].shape
        ((200, 1, 8), (400, 2, 9))
        """
        phases = [self.rates] if self.late_rates is None else [self.rates, self.late_rates]
        return {split: np.stack([rates[split] for rates in phases], axis=1) for split in self.splits}

    def receptive_fields(self, n_neurons: int) -> np.ndarray:
        """Which sources each neuron of a unit sees: the last one, and a fixed random choice of the others.

        Every next neuron sees the sources that the earlier ones saw least, so that together they see all alike. The
        choice is a fact of the task, not of a run; all units have the same.

        Parameters
        ----------
        n_neurons : int
            Neurons of a unit.

        Returns
        -------
        ndarray of bool, (neuron, source)

        Examples
        --------
        >>> from chipemu.tasks import load_task
        >>> load_task("binary").receptive_fields(10).all()
        np.True_
        """
        sees = np.ones((n_neurons, self.n_sources), bool)
        if self.receptive_field is None:
            return sees
        rng = np.random.default_rng(_FIELD_SEED)
        seen = np.zeros(self.n_sources - 1)
        for row in sees:
            least = np.lexsort((rng.random(len(seen)), seen))
            row[least[self.receptive_field - 1 :]] = False
            seen += row[:-1]
        return sees

    def with_trains(self, n: int) -> Task:
        """The same task with every source sent as several spike trains of its rate.

        Nothing is added for a linear read-out: the trains of a source say the same.

        Parameters
        ----------
        n : int
            Trains of a source.

        Examples
        --------
        >>> from chipemu.tasks import load_task
        >>> load_task("yinyang").with_trains(2).source_names[:3]
        ('x/0', 'x/1', 'y/0')
        """
        if n == 1:
            return self
        names = tuple(f"{name}/{k}" for name in self.source_names for k in range(n))
        rates, late = (
            None if sent is None else {split: np.repeat(rates, n, axis=1) for split, rates in sent.items()}
            for sent in (self.rates, self.late_rates)
        )
        return replace(self, source_names=names, rates=rates, late_rates=late)

    @property
    def chance(self) -> float:
        """Accuracy of a guess that ignores the input, with equally likely classes [1]."""
        return 1.0 / self.n_classes


def _check_split(task: Task, split: str, x: np.ndarray, y: np.ndarray, rates: np.ndarray) -> None:
    """Refuse a split whose arrays do not belong together."""
    where = f"task {task.name!r}, split {split!r}"
    if not len(x) == len(y) == len(rates):
        raise InputError(f"{where}: {len(x)} feature rows, {len(y)} labels and {len(rates)} rate rows must be equal.")
    if rates.ndim != 2 or rates.shape[1] != task.n_sources:
        raise InputError(f"{where}: rates have shape {rates.shape}; the task names {task.n_sources} sources.")
    if not np.isfinite(rates).all() or (rates < 0).any():
        raise InputError(f"{where}: every source rate must be finite and at least 0 Hz.")
    if y.size and not 0 <= y.min() <= y.max() < task.n_classes:
        raise InputError(f"{where}: labels run from {y.min()} to {y.max()}; there are {task.n_classes} classes.")
