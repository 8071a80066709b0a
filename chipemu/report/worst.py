"""The worst die of a point, and in what its mismatch differs from that of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chipemu.figures.choice import accuracy_name, is_finite
from chipemu.figures.yields import die_accuracy
from chipemu.report.parts import Table, Text, percent

if TYPE_CHECKING:
    import xarray as xr

# With fewer others, their spread says nothing.
_FEWEST_OTHERS = 3
_N_SHOWN = 3
_MEASURES = {"die_offset": "mean of ln factor", "die_spread": "spread of ln factor"}
_REMARKABLE = 2.0


class Oddity(NamedTuple):
    """One way in which a die differs from the others: `z` in standard deviations of the others."""

    parameter: str
    measure: str
    value: float
    mean: float
    deviation: float

    @property
    def z(self) -> float:
        """Distance from the mean of the other dies, in their standard deviations."""
        return (self.value - self.mean) / self.deviation


def worst_die(point: xr.Dataset) -> int | None:
    """Return the place of the die of least accuracy, None where fewer than two dies have one.

    Parameters
    ----------
    point : xarray.Dataset
        A result without study factors.

    Examples
    --------
    >>> import xarray as xr
    >>> worst_die(xr.Dataset({"accuracy_test": (("chip", "noise"), [[0.7], [0.5], [0.9]])}))
    1
    """
    dies = die_accuracy(point[accuracy_name(point)[0]]).values
    return int(np.nanargmin(dies)) if np.isfinite(dies).sum() > 1 else None


def oddities(point: xr.Dataset, die: int) -> list[Oddity]:
    """Return in what a die differs from the others, the largest difference first.

    Parameters
    ----------
    point : xarray.Dataset
        `die_offset` and `die_spread` (chip, parameter), as far as they are there.
    die : int
        Place of the die.

    Examples
    --------
    >>> import xarray as xr
    >>> offsets = [[0.0], [0.1], [-0.1], [0.5]]
    >>> found = oddities(xr.Dataset({"die_offset": (("chip", "parameter"), offsets)}, {"parameter": ["I_tau"]}), 3)
    >>> found[0].parameter, round(found[0].z, 2)
    ('I_tau', 5.0)
    """
    found = []
    for variable, measure in _MEASURES.items():
        if not is_finite(point, variable):
            continue
        values = point[variable].transpose("chip", "parameter").values
        others = np.delete(values, die, axis=0)
        for index, parameter in enumerate(point["parameter"].values):
            column = others[np.isfinite(others[:, index]), index]
            if len(column) >= _FEWEST_OTHERS and column.std(ddof=1) > 0 and np.isfinite(values[die, index]):
                found.append(
                    Oddity(
                        str(parameter),
                        measure,
                        float(values[die, index]),
                        float(column.mean()),
                        float(column.std(ddof=1)),
                    )
                )
    return sorted(found, key=lambda oddity: -abs(oddity.z))


def worst_die_parts(point: xr.Dataset, where: str) -> list[Text | Table]:
    """Return what a page says about the worst die of a point; nothing where there is no worst."""
    die = worst_die(point)
    if die is None:
        return []
    parts: list[Text | Table] = [Text(_sentence(point, die, where))]
    found = oddities(point, die)
    if found:
        rows = [_row(item) for item in found[:_N_SHOWN]]
        heads = ("parameter", "measure", "this die (1)", "other dies, mean (1)", "standard deviation (1)", "z")
        parts.append(
            Table(
                "Where it differs most from the other dies",
                heads,
                rows,
                2,
                _caution(len(found), point.sizes["chip"] - 1),
            )
        )
    return parts


def _row(item: Oddity) -> tuple[str, ...]:
    numbers = (f"{item.value:+.3f}", f"{item.mean:+.3f}", f"{item.deviation:.3f}", f"{item.z:+.1f}")
    return item.parameter, item.measure, *numbers


def _sentence(point: xr.Dataset, die: int, where: str) -> str:
    dies = die_accuracy(point[accuracy_name(point)[0]]).values
    middle = float(np.nanmedian(dies))
    seed = f" (seed {int(point['chip_seed'].values[die])})" if "chip_seed" in point.variables else ""
    text = (
        f"{where + ': ' if where else ''}die {die}{seed} is right in {percent(dies[die])} % of the presentations, "
        f"{100 * (middle - dies[die]):.1f} points below the median die ({percent(middle)} %)."
    )
    if "calibration_success" in point:
        success = point["calibration_success"].values.astype(bool)
        outcome = "was within tolerance" if success[die] else "was not within tolerance, or was switched off"
        text += f" Its calibration {outcome}; that of {success.sum()} of {len(success)} dies was within."
    return text[0].upper() + text[1:]


def _caution(n: int, n_others: int) -> str:
    return (
        f"The largest of {n} comparisons with {n_others} other dies. In a die like the others, about "
        f"{n * _beyond(_REMARKABLE, n_others):.0f} of them would lie beyond z = ±{_REMARKABLE:g} by chance. "
        "The factors are of the placed output neurons; a mean of 0 is nominal."
    )


def _beyond(z: float, n_others: int) -> float:
    """Chance that a die like the others is more than `z` of their standard deviations off: Student's t."""
    from scipy.special import stdtr

    # The mean of the others is uncertain too, hence the root.
    return 2 * float(stdtr(n_others - 1, -z / (1 + 1 / n_others) ** 0.5))
