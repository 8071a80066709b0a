"""Tasks: data with fixed splits, encoded as rates of spike sources."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from chipemu.errors import UnknownNameError
from chipemu.tasks import binary, yinyang
from chipemu.tasks.task import SPLITS, Task

__all__ = ["SPLITS", "Task", "load_task", "names"]

_LOADERS: dict[str, Callable[..., Task]] = {"yinyang": yinyang.load, "binary": binary.load}


def names() -> list[str]:
    """Return the names of all tasks.

    Examples
    --------
    >>> names()
    ['yinyang', 'binary']
    """
    return list(_LOADERS)


def load_task(name: str, **options: str | float) -> Task:
    """Load a task by name.

    Parameters
    ----------
    name : str
        One of `names()`.
    **options
        Encoding of that task, see `yinyang.load` and `binary.load`; quantities are strings with a unit.

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
