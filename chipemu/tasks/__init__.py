"""Tasks: data with fixed splits, encoded as rates of spike sources."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from chipemu.errors import UnknownNameError
from chipemu.tasks import binary, breast_cancer, delayed_cue, digits, iris, mnist, yinyang
from chipemu.tasks.split import N_FOLDS
from chipemu.tasks.task import SPLITS, Task

__all__ = ["SPLITS", "Task", "load_folds", "load_task", "names"]

_LOADERS: dict[str, Callable[..., Task]] = {
    "yinyang": yinyang.load,
    "binary": binary.load,
    "iris": iris.load,
    "breast-cancer": breast_cancer.load,
    "digits": digits.load,
    "mnist": mnist.load,
    "delayed-cue": delayed_cue.load,
}


def names() -> list[str]:
    """Return the names of all tasks.

    Examples
    --------
    >>> names()
    ['yinyang', 'binary', 'iris', 'breast-cancer', 'digits', 'mnist', 'delayed-cue']
    """
    return list(_LOADERS)


def load_task(name: str, **options: str | float) -> Task:
    """Load a task by name.

    Parameters
    ----------
    name : str
        One of `names()`.
    **options
        Encoding of that task, see `load` in the module of its name; quantities are strings with a unit.

    Returns
    -------
    Task

    Raises
    ------
    UnknownNameError
        If there is no such task, or the task has no such option.
    UnitError
        If a quantity has no unit or a wrong one.

    Examples
    --------
    >>> task = load_task("yinyang", rate_max="80 Hz")
    >>> task.source_names
    ('x', 'y', '1-x', '1-y', 'constant')
    """
    if name not in _LOADERS:
        raise UnknownNameError("task", name, names())
    load = _LOADERS[name]
    known = list(inspect.signature(load).parameters)
    for option in options:
        if option not in known:
            raise UnknownNameError(f"option of task {name!r}", option, known)
    return load(**options)


def load_folds(name: str) -> list[Task]:
    """Load a task with every fold of its cross-validation; a task with one fixed split is its own only fold.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    list of Task

    Raises
    ------
    UnknownNameError
        If there is no such task.

    Examples
    --------
    >>> len(load_folds("iris")), len(load_folds("binary"))
    (5, 1)
    """
    if name in _LOADERS and "fold" in inspect.signature(_LOADERS[name]).parameters:
        return [load_task(name, fold=number) for number in range(N_FOLDS)]
    return [load_task(name)]
