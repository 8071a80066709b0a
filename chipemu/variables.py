"""Every variable that chipemu saves: its name, dimensions, unit, kind of number and meaning, stated once.

A file can hold nothing else. A new result begins with a line in `DECLARED`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from chipemu import units
from chipemu.errors import InputError, UnknownNameError, nearest

if TYPE_CHECKING:
    import xarray as xr

# NumPy kinds that each declared kind accepts. A count may be float, because a run that failed leaves NaN in its place.
KINDS = {"real": "f", "count": "iuf", "index": "iu", "text": "UTO", "flag": "b"}


@dataclass(frozen=True)
class Variable:
    """The declaration of one saved variable.

    Parameters
    ----------
    name : str
        Name in the file; ``*`` stands for the rest of a name.
    dims : tuple of str
        Dimensions in order. Study factors may stand before them.
    unit : str
        SI unit; "1" for a pure number, "" for text.
    kind : {"real", "count", "index", "text", "flag"}
        Kind of number, see `KINDS`.
    meaning : str
        One line, written into the file.
    """

    name: str
    dims: tuple[str, ...]
    unit: str
    kind: str
    meaning: str


_RUN = ("chip", "noise")
_PROBE = ("run", "probe_neuron", "time")
_CODE = ("chip", "core", "bias")
_RATIO = ("chip", "core", "quantity")
_CLASSES = ("true_class", "decided_class")

# Values of the factor `without` beside names of effects: nothing is switched off, everything, everything but ...
NOTHING, EVERYTHING, ONLY = "none", "all", "only:"
# Values of the factor `training`: on the die, in a closed or an open loop, or with weights of a float network, trained
# as designed or on such dies.
TRAININGS = ("trained", "target-propagation", "transferred", "transferred-injected")
# What a study may vary. Each is a dimension with a coordinate of the same name.
FACTORS = {
    variable.name: variable
    for variable in (
        Variable("task", ("task",), "", "text", "task that is trained"),
        Variable("device", ("device",), "", "text", "device file"),
        Variable("where", ("where",), "", "text", "where learning happens: chip, host or oracle"),
        Variable("rule", ("rule",), "", "text", "rule that plastic synapses of outputs learn by"),
        Variable("training", ("training",), "", "text", "how a die is trained, or who hands weights over"),
        Variable("without", ("without",), "", "text", "effects switched off, joined by +; none switches off nothing"),
        Variable("hidden", ("hidden",), "1", "index", "hidden neurons"),
        Variable("levels", ("levels",), "1", "index", "weight levels"),
        Variable("mismatch_scale", ("mismatch_scale",), "1", "real", "factor on the standard deviation of mismatch"),
        Variable("noise_scale", ("noise_scale",), "1", "real", "factor on the amplitude of temporal noise"),
        Variable("mismatch_model", ("mismatch_model",), "", "text", "size of within-core spread: measured or geometry"),
        Variable("corner", ("corner",), "", "text", "process corner of n- and p-channel: T, S or F each"),
        Variable("temperature", ("temperature",), "K", "real", "temperature of the die"),
        Variable("age", ("age",), "s", "real", "idle time of the die between training and test"),
        Variable("eta", ("eta",), "1", "real", "learning rate"),
        Variable("fold", ("fold",), "1", "index", "fold of a cross-validation"),
        Variable("target_rate", ("target_rate",), "Hz", "real", "rate asked of the unit of the right class"),
    )
}

_RESULTS = (
    Variable("chip_seed", ("chip",), "1", "index", "seed of the die"),
    Variable("noise_seed", ("noise",), "1", "index", "seed of temporal noise, order of presentations and rounding"),
    Variable("checkpoint", ("checkpoint",), "1", "index", "presentations seen when validation was measured"),
    Variable("status", _RUN, "", "text", "done or failed"),
    Variable("reason", _RUN, "", "text", "why the run failed; empty if it did not"),
    Variable("accuracy_test", _RUN, "1", "real", "fraction right on the test split, feedback off; NaN if unopened"),
    Variable("accuracy_validation", _RUN, "1", "real", "fraction right on the validation split, feedback off"),
    Variable("accuracy_fold", _RUN, "1", "real", "fraction right of each fold, feedback off"),
    Variable("accuracy_cloned", _RUN, "1", "real", "fraction right with the weights of another die, feedback off"),
    Variable("accuracy_control", _RUN, "1", "real", "fraction right with the feedback on"),
    Variable("accuracy_untrained", _RUN, "1", "real", "fraction right before training, feedback off"),
    Variable("accuracy_ideal", (), "1", "real", "fraction right on the ideal device, feedback off"),
    Variable("accuracy_linear", (), "1", "real", "best linear classifier on the same split"),
    Variable("accuracy_ann", (), "1", "real", "float network with a hidden layer on the same split"),
    Variable("accuracy_ann_hidden", (), "1", "real", "float network of the chip's shape and connections, same split"),
    Variable("accuracy_float_snn", (), "1", "real", "float spiking network that handed weights over, same split"),
    Variable("accuracy_transferred", _RUN, "1", "real", "fraction right with its weights, before training on the die"),
    Variable("accuracy_chance", (), "1", "real", "guessing among equally likely classes"),
    Variable("target_error_on", _RUN, "Hz", "real", "mean |population rate - target|, feedback on"),
    Variable("target_error_off", _RUN, "Hz", "real", "mean |population rate - target|, feedback off"),
    Variable("validation_history", (*_RUN, "checkpoint"), "1", "real", "fraction right on validation at a checkpoint"),
    Variable("charge_history", (*_RUN, "checkpoint"), "C", "real", "feedback charge of a training presentation"),
    Variable(
        "noise_charge_history",
        (*_RUN, "checkpoint"),
        "C",
        "real",
        "what of it answered noise; 0 without learned feedback",
    ),
    Variable(
        "control_history", (*_RUN, "checkpoint"), "C^2", "real", "1/2 |psi|^2 of a hidden neuron in a presentation"
    ),
    Variable("region", (*_RUN, "grid_y", "grid_x"), "1", "index", "class decided at a point of the plane; else -1"),
    Variable("region_true", ("grid_y", "grid_x"), "1", "index", "class asked for at a point of the plane; else -1"),
    Variable("grid_x", ("grid_x",), "1", "real", "first coordinate of the plane"),
    Variable("grid_y", ("grid_y",), "1", "real", "second coordinate of the plane"),
    Variable("weight", (*_RUN, "post", "pre"), "1", "count", "trained signed weight: CAM words, code or float"),
    Variable("feedback_compliance", _RUN, "1", "real", "part of the feedback that the outputs read, |J+ J Q| / |Q|"),
    Variable(
        "weight_hidden", (*_RUN, "hidden_neuron", "source"), "1", "count", "trained signed code of the hidden layer"
    ),
    Variable(
        "weight_recurrent", (*_RUN, "hidden_neuron", "hidden_sender"), "1", "count", "trained code within hidden layer"
    ),
    Variable("calibration_success", ("chip",), "1", "flag", "all calibrated quantities within tolerance"),
    Variable("confusion", (*_RUN, *_CLASSES), "1", "count", "presentations of a class by the class decided"),
    Variable("true_class", ("true_class",), "", "text", "class asked for"),
    Variable("decided_class", ("decided_class",), "", "text", "class decided"),
    Variable("decision_latency", _RUN, "s", "real", "mean time from onset until the decided class leads for good"),
    Variable("spikes_per_inference", _RUN, "1", "real", "spikes of all neurons in a presentation, feedback off"),
    Variable("energy_per_inference", _RUN, "J", "real", "of these spikes and the input events, without static power"),
)
_DIE = (
    Variable("parameter", ("parameter",), "", "text", "current of a neuron"),
    Variable("die_offset", ("chip", "parameter"), "1", "real", "mean ln(current / design) of the output neurons"),
    Variable("die_spread", ("chip", "parameter"), "1", "real", "standard deviation of ln(current / design) of them"),
    Variable("neuron_factor", ("chip", "core", "neuron"), "1", "real", "mismatch factor of one parameter"),
    Variable("fi_current", ("fi_current",), "A", "real", "direct current of a rate measurement"),
    Variable("fi_rate", ("chip", "fi_current", "fi_neuron"), "Hz", "real", "firing rate of a neuron of a core"),
    Variable("fi_rate_nominal", ("fi_current",), "Hz", "real", "firing rate of the nominal neuron"),
)
_CALIBRATION = (
    Variable("bias", ("bias",), "", "text", "name of the bias"),
    Variable("code_coarse", _CODE, "1", "index", "calibrated coarse code"),
    Variable("code_fine", _CODE, "1", "index", "calibrated fine code"),
    Variable("bias_current", _CODE, "A", "real", "nominal current of the calibrated code"),
    Variable("quantity", ("quantity",), "", "text", "calibrated quantity"),
    Variable("rate_ratio_before", _RATIO, "1", "real", "observed / nominal rate of a core before calibration"),
    Variable("rate_ratio_after", _RATIO, "1", "real", "observed / nominal rate of a core after calibration"),
    Variable("die_hash", ("chip",), "", "text", "SHA-256 of the die's mismatch"),
    Variable("calibration_trials", ("chip",), "1", "count", "trials that calibrated the die"),
    Variable("calibration_time", ("chip",), "s", "real", "chip time of those trials"),
    Variable("point", ("point",), "", "text", "name of the operating point"),
    Variable("point_hash", ("point",), "", "text", "SHA-256 of the operating point"),
    Variable("trim_code", ("chip", "core", "neuron", "cell"), "1", "index", "code of a neuron's trimming cell"),
    Variable("second_leak", ("chip", "core", "neuron"), "1", "flag", "neuron takes its leak from register 2"),
    Variable("leak_spread_before", ("chip", "core"), "1", "real", "spread where firing starts, without that choice"),
    Variable("leak_spread_after", ("chip", "core"), "1", "real", "spread where firing starts, with that choice"),
    Variable("reading", ("reading",), "", "text", "what is read of a single neuron"),
    Variable("trim_before", ("chip", "placed", "reading"), "1", "real", "ln(observed / nominal) before trimming"),
    Variable("trim_after", ("chip", "placed", "reading"), "1", "real", "ln(observed / nominal) after trimming"),
    Variable("unobserved", ("note",), "", "text", "point: quantity: why it could not be looked at"),
)
_LEDGER = (
    Variable("ledger_spikes", _RUN, "1", "count", "output spikes of all neurons"),
    Variable("ledger_controller_spikes", _RUN, "1", "count", "spikes fired by controllers"),
    Variable("ledger_control_charge_C", _RUN, "C", "real", "feedback charge of outputs, or asked for in an open loop"),
    Variable("ledger_weight_writes", _RUN, "1", "count", "CAM words or plastic codes whose value changed"),
    Variable("ledger_cell_writes", _RUN, "1", "count", "writes of a memristive pair or of a capacitor"),
    Variable("ledger_uploads", _RUN, "1", "count", "weight images sent to the chip"),
    Variable("ledger_host_operations", _RUN, "1", "count", "updates and decisions made outside the chip"),
    Variable("ledger_clipped_words", _RUN, "1", "count", "CAM words asked for that did not fit"),
    Variable("ledger_calibration_trials", _RUN, "1", "count", "trials run to calibrate the die"),
    Variable("ledger_code_reads", _RUN, "1", "count", "plastic code images read by the host"),
    Variable("ledger_code_restores", _RUN, "1", "count", "plastic code images written back"),
    Variable("ledger_moved_neurons", _RUN, "1", "count", "neurons moved off bad ones of the die"),
    Variable("ledger_silenced_neurons", _RUN, "1", "count", "neurons silenced by the second leak register"),
    Variable("ledger_noise_events", _RUN, "1", "count", "events of noise that feedback is learned from"),
    Variable("ledger_chip_time_s", _RUN, "s", "real", "time the chip ran"),
)
_RECORDING = (
    Variable("spike_time", ("spike",), "s", "real", "time of a spike since the start of its run"),
    Variable("spike_neuron", ("spike",), "1", "index", "neuron of a spike, counted in order of the network"),
    Variable("spike_run", ("spike",), "1", "index", "run (die or trial) of a spike"),
    Variable("run", ("run",), "1", "index", "run: one die or trial of an emulator call"),
    Variable("probe_neuron", ("probe_neuron",), "1", "index", "probed neuron"),
    Variable("time", ("time",), "s", "real", "time of a probe sample since the start of the run"),
    Variable("V_mem", _PROBE, "V", "real", "membrane voltage"),
    Variable("I_*", _PROBE, "A", "real", "current inside a neuron"),
)

DECLARED = {
    variable.name: variable for variable in (*FACTORS.values(), *_RESULTS, *_DIE, *_CALIBRATION, *_LEDGER, *_RECORDING)
}


def find(name: str) -> Variable:
    """Return the declaration of a variable.

    Parameters
    ----------
    name : str
        Name in the file.

    Returns
    -------
    Variable

    Raises
    ------
    UnknownNameError
        If no variable of that name is declared.

    Examples
    --------
    >>> find("accuracy_test").dims, find("I_mem").unit
    (('chip', 'noise'), 'A')
    """
    if name in DECLARED:
        return DECLARED[name]
    for pattern, variable in DECLARED.items():
        if "*" in pattern and fnmatchcase(name, pattern):
            return variable
    raise UnknownNameError("variable", name, DECLARED, where="chipemu/variables.py")


def show(name: str, value: object) -> str:
    """Print a value of a declared variable, with its unit.

    Parameters
    ----------
    name : str
        Name in the file.
    value : str or float
        In the declared unit.

    Returns
    -------
    str

    Examples
    --------
    >>> show("target_rate", 30.0), show("where", "host")
    ('30 Hz', 'host')
    """
    unit = find(name).unit
    return units.show(value, unit.replace("1", "")) if isinstance(value, int | float) else str(value)


def label(dataset: xr.Dataset) -> xr.Dataset:
    """Return the dataset with the declared unit and meaning on every variable that does not carry them yet.

    Parameters
    ----------
    dataset : xarray.Dataset

    Returns
    -------
    xarray.Dataset
        Attributes `units` and `long_name` filled in. A unit that is already there, and a variable that is not
        declared, are left for `check` to judge.

    Examples
    --------
    >>> import xarray as xr
    >>> label(xr.Dataset({"spike_time": ("spike", [0.1])}))["spike_time"].attrs["units"]
    's'
    """
    labelled = dataset.copy()
    for name in labelled.variables:
        try:
            declared = find(str(name))
        except UnknownNameError:
            continue
        defaults = {"units": declared.unit, "long_name": declared.meaning}
        labelled[name].attrs = {key: text for key, text in defaults.items() if text} | labelled[name].attrs
    return labelled


def check(dataset: xr.Dataset, *, where: str = "dataset") -> None:
    """Refuse a dataset that holds anything undeclared, naming every fault at once.

    Parameters
    ----------
    dataset : xarray.Dataset
    where : str
        What the message calls it, for example its path.

    Raises
    ------
    InputError
        If a variable is undeclared, or has other dimensions, another unit or another kind of number than declared.

    Examples
    --------
    >>> import xarray as xr
    >>> check(label(xr.Dataset({"spike_time": ("spike", [0.1])})))
    """
    faults = [fault for name, variable in dataset.variables.items() for fault in _faults(str(name), variable)]
    if faults:
        raise InputError(f"{where} does not follow chipemu/variables.py:\n  " + "\n  ".join(faults))


def _faults(name: str, variable: xr.Variable) -> list[str]:
    """Say what is wrong with one variable."""
    try:
        declared = find(name)
    except UnknownNameError:
        return [f"{name!r} is not declared; nearest: {', '.join(nearest(name, DECLARED))}"]
    faults = []
    core_dims = tuple(dim for dim in variable.dims if dim in declared.dims or dim not in FACTORS)
    factor_dims = variable.dims[: len(variable.dims) - len(core_dims)]
    if core_dims != declared.dims or variable.dims != factor_dims + core_dims:
        faults.append(f"{name!r} has dimensions {variable.dims}; declared {declared.dims}, after any study factors")
    unit = variable.attrs.get("units", "")
    if unit != declared.unit:
        faults.append(f"{name!r} has unit {unit!r}; declared {declared.unit!r}")
    if variable.dtype.kind not in KINDS[declared.kind]:
        faults.append(f"{name!r} holds {variable.dtype}; declared as {declared.kind}")
    elif variable.dtype.kind == "O" and not all(isinstance(value, str) for value in variable.values.flat):
        faults.append(f"{name!r} holds Python objects; declared as text")
    return faults
