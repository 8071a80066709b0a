"""Cutting a data set into train, validation and test, stratified and fixed by a seed."""

from __future__ import annotations

import numpy as np

from chipemu.errors import InputError

N_FOLDS = 5
Split = dict[str, np.ndarray]


def fixed(y: np.ndarray, *, test: int, validation: int, seed: int) -> Split:
    """Return the presentations of each split, every class with its share in each.

    Parameters
    ----------
    y : ndarray of int, (presentation,)
        Labels.
    test, validation : int
        Sizes of those splits; the rest is the train split.
    seed : int
        Of the drawing; the splits of a task never change.

    Returns
    -------
    dict of split name to ndarray of int
        Indices into `y`, each split in random order.

    Examples
    --------
    >>> {name: len(index) for name, index in fixed(np.arange(30) % 3, test=6, validation=3, seed=0).items()}
    {'train': 21, 'validation': 3, 'test': 6}
    """
    from sklearn.model_selection import train_test_split

    rest, tested = train_test_split(np.arange(len(y)), test_size=test, stratify=y, random_state=seed)
    train, validated = train_test_split(rest, test_size=validation, stratify=y[rest], random_state=seed)
    return {"train": train, "validation": validated, "test": tested}


def fold(y: np.ndarray, number: int, *, validation: int, seed: int) -> Split:
    """Return the splits of one fold of a stratified 5-fold cross-validation: over all folds each sample is tested once.

    Parameters
    ----------
    y : ndarray of int, (presentation,)
        Labels.
    number : int
        Fold, 0 to 4.
    validation : int
        Samples of the other four folds that choose the checkpoint and are not trained on.
    seed : int
        Of the drawing.

    Returns
    -------
    dict of split name to ndarray of int

    Raises
    ------
    InputError
        If there is no such fold.

    Examples
    --------
    >>> tested = [fold(np.arange(30) % 3, k, validation=3, seed=0)["test"] for k in range(N_FOLDS)]
    >>> bool((np.sort(np.concatenate(tested)) == np.arange(30)).all())
    True
    """
    from sklearn.model_selection import StratifiedKFold, train_test_split

    if number not in range(N_FOLDS):
        raise InputError(f"fold is {number}; the folds are 0 to {N_FOLDS - 1}.")
    rest, tested = list(StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed).split(y, y))[number]
    train, validated = train_test_split(rest, test_size=validation, stratify=y[rest], random_state=seed)
    return {"train": train, "validation": validated, "test": tested}
