"""The page: sections in a template, written whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from chipemu.errors import InputError
from chipemu.report.sections import sections
from chipemu.storage import replacing

if TYPE_CHECKING:
    import xarray as xr

ENDINGS = (".html", ".htm")
# Accuracies that a designer may ask of a die, fractions.
BOUNDS = (0.5, 0.6, 0.7, 0.8, 0.9)


def render_report(dataset: xr.Dataset, *, title: str | None = None, bounds: Sequence[float] = BOUNDS) -> str:
    """Return a result as one HTML page that needs nothing else.

    Parameters
    ----------
    dataset : xarray.Dataset
        Of one experiment, with the dimensions chip and noise, or of a study, with its factors before them. What it
        does not hold is left out of the page.
    title : str, optional
        Heading; by default the study, or the task and the device.
    bounds : sequence of float
        Accuracies of the table of yield, fractions from 0 to 1.

    Returns
    -------
    str
        The same for the same dataset. Text out of the dataset is escaped, there is no script, and the page forbids
        the browser to load anything.

    Raises
    ------
    InputError
        If the dataset has no dies, or a bound is out of range.

    Examples
    --------
    >>> import xarray as xr
    >>> result = xr.Dataset({"accuracy_test": (("chip", "noise"), [[0.6], [0.7]])}, attrs={"task": "binary"})
    >>> page = render_report(result, title="Two dies & no more")
    >>> "<h1>Two dies &amp; no more</h1>" in page
    True
    """
    from jinja2 import Environment, StrictUndefined

    if not {"chip", "noise"} <= set(dataset.dims):
        raise InputError(
            f"the dataset has the dimensions {', '.join(map(str, dataset.dims)) or 'none'}; a report is about a result "
            "of `chipemu learn` or of a study, with chip and noise."
        )
    outside = [bound for bound in bounds if not 0 <= bound <= 1]
    if outside:
        raise InputError(f"the bound {outside[0]:g} of the yield is out of range; allowed 0 to 1.")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("chipemu.report").joinpath("page.html").read_text(encoding="utf-8"))
    made = sections(dataset, bounds)
    return template.render(title=title or _title(dataset), summary=_summary(dataset), sections=made) + "\n"


def write_report(
    dataset: xr.Dataset, path: str | Path, *, title: str | None = None, bounds: Sequence[float] = BOUNDS
) -> Path:
    """Write a result as one HTML page that needs nothing else, whole or not at all.

    Parameters
    ----------
    dataset : xarray.Dataset
        As for `render_report`.
    path : str or Path
        File ending in .html, to write or to replace.
    title, bounds
        As for `render_report`.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If the ending is another one, the folder does not exist, or the dataset is no result.

    Examples
    --------
    >>> import xarray as xr
    >>> from tempfile import TemporaryDirectory
    >>> result = xr.Dataset({"accuracy_test": (("chip", "noise"), [[0.6], [0.7]])})
    >>> with TemporaryDirectory() as folder:
    ...     write_report(result, f"{folder}/result.html").name
    'result.html'
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path} ends in {path.suffix!r}; a report is written as {' or '.join(ENDINGS)}.")
    page = render_report(dataset, title=title, bounds=bounds)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def _title(dataset: xr.Dataset) -> str:
    attributes = dataset.attrs
    if attributes.get("study"):
        return f"Study {attributes['study']}"
    return f"{attributes.get('task', 'Result')} on {attributes.get('device', 'a chip')}"


def _summary(dataset: xr.Dataset) -> str:
    n_chips, n_seeds = dataset.sizes["chip"], dataset.sizes["noise"]
    return f"{n_chips} {'die' if n_chips == 1 else 'dies'} x {n_seeds} noise {'seed' if n_seeds == 1 else 'seeds'}"
