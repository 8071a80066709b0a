"""The study file: what is varied, on which chips, with how many dies and seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from chipemu import library
from chipemu.device import DeviceSpec, load_device
from chipemu.device_file import check, content_hash, fault_text
from chipemu.effect_sizes import effects_of
from chipemu.effects import EFFECTS
from chipemu.errors import InputError, StudyFileError
from chipemu.frozen_map import FrozenMap
from chipemu.plasticity import PLASTICITY_RULES, PlasticityRule
from chipemu.study.form import EACH, FACTOR_ORDER, HEAD_FACTORS, StudyFile
from chipemu.variables import ONLY

# The text of a study is kept inside its result, where HDF5 allows an attribute 64 kB.
MAX_STUDY_BYTES = 50_000
MAX_RUNS = 1_000_000


@dataclass(frozen=True)
class Study:
    """A validated study file.

    Parameters
    ----------
    name : str
        Name of the study, and of its result file.
    fixed : FrozenMap
        What holds at every point, in SI: `task`, `device` and `where` as far as they are not varied, and factors given
        as a single value.
    factors : FrozenMap of name to tuple
        What is varied, in SI, outermost first.
    chips, noise_seeds : int
        Dies, and noise seeds for each die.
    seed : int
        Seed that all others come from.
    split : {"validation", "test"}
        Split that is reported.
    budget : FrozenMap
        Counts of `learning.train.Budget`, and `window` [s], where given.
    hash : str
        Of the content: independent of layout and comments.
    text : str
        The file as written.
    path : str
        Where it came from, for messages.
    """

    name: str
    fixed: FrozenMap
    factors: FrozenMap
    chips: int
    noise_seeds: int
    seed: int
    split: str
    budget: FrozenMap
    hash: str
    text: str
    path: str

    def values(self, name: str) -> tuple:
        """Values of a factor, varied or not; none where the file leaves it open."""
        return self.factors.get(name) or ((self.fixed[name],) if name in self.fixed else ())

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each factor."""
        return tuple(len(values) for values in self.factors.values())

    @property
    def n_points(self) -> int:
        """Number of combinations of factor values."""
        return math.prod(self.shape)

    @property
    def n_runs(self) -> int:
        """Number of runs: points x dies x noise seeds."""
        return self.n_points * self.chips * self.noise_seeds


def load_study(path: str | Path) -> Study:
    """Read and validate a study file that is to be run.

    Parameters
    ----------
    path : str or Path
        TOML file with the tables `[study]`, `[factors]` and `[budget]`.

    Returns
    -------
    Study

    Raises
    ------
    StudyFileError
        If the file is absent, too large, no TOML, breaks the schema, names device files that cannot be used, or can run
        at no point; every fault is named at once.
    """
    study = parse_study(library.read_text(Path(path), str(path), MAX_STUDY_BYTES, StudyFileError), str(path))
    _check_devices(study)
    return study


def parse_study(text: str, path: str = "study.toml") -> Study:
    """Validate the text of a study file; the device files it names need not be there.

    Parameters
    ----------
    text : str
        TOML.
    path : str
        What messages call it.

    Returns
    -------
    Study

    Raises
    ------
    StudyFileError
        If the text is no TOML or breaks the schema; every fault is named at once.

    Examples
    --------
    >>> study = parse_study('''
    ... [study]
    ... name = "mismatch"
    ... task = "binary"
    ... device = "dynapse1-plastic"
    ... where = "chip"
    ... chips = 5
    ... noise_seeds = 3
    ... seed = 0
    ... [factors]
    ... mismatch_scale = [0, 1, 2]
    ... without = "noise+calibration"
    ... ''')
    >>> study.n_points, study.n_runs, study.fixed["without"]
    (3, 45, 'noise+calibration')
    """
    tables = library.parse_toml(text, path, StudyFileError)
    form = check(StudyFile, tables, path, StudyFileError)
    head = form.study
    given = {name: getattr(head, name) for name in HEAD_FACTORS} | form.factors.model_dump(exclude_none=True)
    written = tables.get("factors", {})
    if written.get("without") == EACH:
        given["without"] = _present(given["without"], given["device"])
    single = [name for name in given if not isinstance(written.get(name), list)]
    # A list of one device is a device; a list of one temperature is an axis of length one, as the user wrote it.
    fixed = {name: given[name][0] for name in FACTOR_ORDER if name in single and len(given[name]) == 1}
    study = Study(
        name=head.name,
        fixed=FrozenMap(fixed),
        factors=FrozenMap({name: tuple(given[name]) for name in FACTOR_ORDER if name in given and name not in fixed}),
        chips=head.chips,
        noise_seeds=head.noise_seeds,
        seed=head.seed,
        split=head.split,
        budget=FrozenMap(form.budget.model_dump(exclude_none=True)),
        hash=content_hash([form.model_dump(), sorted(fixed)]),
        text=text,
        path=path,
    )
    if study.n_runs > MAX_RUNS:
        raise StudyFileError(f"{path}: {study.n_runs} runs; the limit is {MAX_RUNS}. Split it into several studies.")
    return study


def _present(entries: list[str], devices: list[str]) -> list[str]:
    """Entries of `without` that name an effect which one of the devices has, and those that name none."""
    held = {name for device in devices for name in effects_of(load_device(device))}
    return [entry for entry in entries if entry.removeprefix(ONLY) not in EFFECTS or entry.removeprefix(ONLY) in held]


def _check_devices(study: Study) -> None:
    """Refuse a study whose device files cannot be used, or none of whose points could run."""
    devices, faults = {}, []
    for name in study.values("device"):
        try:
            devices[name] = load_device(name)
        except InputError as fault:
            faults.append(f"study.device: {fault}")
    pairs = [_misfit(device, where) for device, where in itertools.product(devices.values(), study.values("where"))]
    if pairs and all(pairs):
        faults += [f"study.where: {pair}" for pair in pairs]
    elif devices and not faults:
        faults += _unreadable(study, devices.values())
    if faults:
        raise StudyFileError(fault_text(study.path, faults))


def _unreadable(study: Study, devices: Collection[DeviceSpec]) -> list[str]:
    """Rules that none of the devices could learn by."""
    faults = []
    if study.values("rule") and "chip" not in study.values("where"):
        return ["factors.rule: is of plastic synapses, and a host has none; write where = 'chip', or leave it out"]
    for name in study.values("rule"):
        lacks = [fault for device in devices for fault in _refusal(PLASTICITY_RULES[name], device)]
        if len(lacks) == len(devices):
            faults += [f"factors.rule: {fault}" for fault in lacks]
    return faults


def _refusal(rule: PlasticityRule, device: DeviceSpec) -> list[str]:
    try:
        rule.check(device)
    except InputError as fault:
        return [str(fault)]
    return []


def _misfit(device: DeviceSpec, where: str) -> str:
    """Say why learning cannot happen there; empty if it can."""
    if where == "chip" and device.plastic is None:
        return f"'chip' is impossible on {device.name}, which has no plastic synapses; write 'host' or another device"
    return ""
