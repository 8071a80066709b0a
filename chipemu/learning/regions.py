"""Decision regions of trained dies on the plane of `yinyang`."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from chipemu.errors import InputError
from chipemu.learning.evaluate import decisions
from chipemu.learning.session import Session
from chipemu.learning.settings import Settings
from chipemu.tasks.yinyang import classify, grid

MOST = 201
_OUTSIDE = -1


def check_plane(settings: Settings) -> None:
    """Refuse a map of a task that has no plane, or one of too many points.

    Raises
    ------
    InputError
        Naming what is allowed.
    """
    if settings.regions and settings.task != "yinyang":
        raise InputError(f"decision regions need the plane of yinyang; the task is {settings.task}")
    if settings.regions and not 2 <= settings.regions <= MOST:
        raise InputError(f"decision regions of {settings.regions} points along a side; allowed 2 to {MOST}")


def map_plane(session: Session, settings: Settings) -> Mapping[str, xr.Variable]:
    """Variables `region`, `region_true` and their coordinates; nothing if no map is asked for."""
    if not settings.regions:
        return {}
    coordinate, inside, rates = grid(settings.regions)
    trains = session.circuit.n_inputs // rates.shape[1]
    decided = np.full((*settings.shape, *inside.shape), _OUTSIDE)
    decided[:, :, inside] = decisions(session, np.repeat(rates, trains, axis=1)).reshape(*settings.shape, -1)
    right = np.full(inside.shape, _OUTSIDE)
    row, column = np.nonzero(inside)
    right[inside] = [classify(coordinate[x], coordinate[y]) for y, x in zip(row, column, strict=True)]
    return {
        "region": xr.Variable(("chip", "noise", "grid_y", "grid_x"), decided),
        "region_true": xr.Variable(("grid_y", "grid_x"), right),
        "grid_x": xr.Variable("grid_x", coordinate),
        "grid_y": xr.Variable("grid_y", coordinate),
    }
