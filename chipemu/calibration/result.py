"""What calibration found, and how it is kept."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from chipemu import storage
from chipemu.chip import Chip
from chipemu.device import OperatingPoint
from chipemu.errors import InputError, shorten
from chipemu.ledger import Ledger
from chipemu.parameters import BiasSetting

TOLERANCE = 0.1  # of the nominal rate
_SAVED = (
    "chip_seed", "die_hash", "calibration_success", "calibration_trials", "calibration_time", "bias", "code_coarse",
    "code_fine", "bias_current", "quantity", "rate_ratio_before", "rate_ratio_after", "point", "point_hash",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Calibration:
    """Tuned biases of some dies, and how near to nominal they bring the rates.

    Attributes
    ----------
    chips : dies it belongs to
    points : operating points by name
    setting : biases of every chip and core, to be given to an emulator
    names : quantities, see ``chipemu.calibration.quantities``
    before, after : (chip, core, quantity) observed / nominal rate; NaN where a core does not have the quantity, or it
        cannot be looked at
    ledger : trials and chip time of every die
    unobserved : (point, quantity) -> why it could not be looked at
    """

    chips: tuple[Chip, ...]
    points: Mapping[str, OperatingPoint]
    setting: BiasSetting
    names: tuple[str, ...]
    before: np.ndarray
    after: np.ndarray
    ledger: Ledger
    unobserved: Mapping[tuple[str, str], str]

    @property
    def within(self) -> np.ndarray:
        """(chip, core, quantity) True where the rate is within 10 % of nominal, or nothing is asked."""
        return np.isnan(self.after) | (np.abs(self.after - 1) <= TOLERANCE)

    @property
    def success(self) -> np.ndarray:
        """(chip,) True where every quantity of every core is within 10 % of nominal."""
        return self.within.all(axis=(1, 2))

    @property
    def trials(self) -> np.ndarray:
        """(chip,) trials that each die took."""
        return np.asarray(self.ledger.calibration_trials)

    def __str__(self) -> str:
        n, good = len(self.chips), int(self.success.sum())
        time = float(np.max(self.ledger.chip_time_s, initial=0.0))
        lines = [
            f"calibration of {n} dies of {self.chips[0].device.name}: {good} within {TOLERANCE:.0%} of nominal, "
            f"at most {int(self.trials.max(initial=0))} trials and {time:.1f} s of chip time",
            "  quantity      before: median, range     after: median, range",
        ]
        for q, name in enumerate(self.names):
            parts = [_spread(ratio[:, :, q]) for ratio in (self.before, self.after)]
            lines.append(f"  {name:<12}  {parts[0]:<24}  {parts[1]}")
        lines += [f"  {name} of point {point}: {why}" for (point, name), why in self.unobserved.items()]
        failed = [str(chip.seed) for chip, good in zip(self.chips, self.success, strict=True) if not good]
        if failed:
            lines.append(f"  not within tolerance: die {', '.join(failed)}")
        return "\n".join(lines)

    def save(self, path: str | Path) -> Path:
        """Write the calibration to an HDF5 file."""
        return storage.save(_dataset(self), path)


def _spread(ratio: np.ndarray) -> str:
    known = ratio[np.isfinite(ratio)]
    if not known.size:
        return "-"
    return f"{np.median(known):.2f}, {known.min():.2f} to {known.max():.2f}"


def die_hash(chip: Chip) -> str:
    """SHA-256 of a die's mismatch: two dies of one seed differ where effects are scaled or switched off."""
    digest = hashlib.sha256()
    for factors in (chip.core_factor, chip.neuron_factor):
        for name in sorted(factors):
            digest.update(name.encode() + np.ascontiguousarray(factors[name]).tobytes())
    digest.update(bytes([chip.applied.on("bias_quantisation")]) + f"{chip.mismatch_model} {chip.corner}".encode())
    return digest.hexdigest()


def _dataset(result: Calibration) -> xr.Dataset:
    code = ("chip", "core", "bias")
    ratio = ("chip", "core", "quantity")
    setting, chips = result.setting, result.chips
    notes = [f"{point}: {name}: {why}" for (point, name), why in result.unobserved.items()]
    dataset = xr.Dataset(
        {
            "chip_seed": ("chip", np.array([chip.seed for chip in chips], np.int64)),
            "die_hash": ("chip", np.array([die_hash(chip) for chip in chips], object)),
            "calibration_success": ("chip", result.success),
            "calibration_trials": ("chip", result.trials.astype(np.int64)),
            "calibration_time": ("chip", np.asarray(result.ledger.chip_time_s, float)),
            "bias": ("bias", np.array(setting.names, object)),
            "code_coarse": (code, setting.codes[..., 0]),
            "code_fine": (code, setting.codes[..., 1]),
            "bias_current": (code, setting.currents),
            "quantity": ("quantity", np.array(result.names, object)),
            "rate_ratio_before": (ratio, result.before),
            "rate_ratio_after": (ratio, result.after),
            "point": ("point", np.array(list(result.points), object)),
            "point_hash": ("point", np.array([p.hash for p in result.points.values()], object)),
        }
    )
    if notes:
        dataset["unobserved"] = ("note", np.array(notes, object))
    device = chips[0].device
    dataset.attrs = storage.provenance(
        device=device.name, device_hash=device.hash, operating_points=list(result.points), mapping_hash="",
        seeds={f"chip {c}": chip.seed for c, chip in enumerate(chips)}, temperature=chips[0].temperature,
    )  # fmt: skip
    return dataset


def load_calibration(path: str | Path, chips: Sequence[Chip], points: Mapping[str, OperatingPoint]) -> Calibration:
    """Read a calibration for dies it was made for, in any order and any part of them.

    Parameters
    ----------
    path : file that :meth:`Calibration.save` wrote
    chips : dies it shall serve
    points : operating points by name, as they are now

    Raises
    ------
    InputError
        If the file is no calibration, or was made for another die, device version or operating point.
    """
    data = storage.load(path)
    _check(data, path, chips, points)
    seeds = data["chip_seed"].values.tolist()
    row = [seeds.index(chip.seed) for chip in chips]
    codes = np.stack([data["code_coarse"].values[row], data["code_fine"].values[row]], axis=-1).astype(np.int16)
    setting = BiasSetting(tuple(data["bias"].values.tolist()), codes, data["bias_current"].values[row])
    ledger = Ledger(
        calibration_trials=data["calibration_trials"].values[row], chip_time_s=data["calibration_time"].values[row]
    )
    notes = [str(text).split(": ", 2) for text in data["unobserved"].values] if "unobserved" in data else []
    return Calibration(
        tuple(chips),
        dict(points),
        setting,
        tuple(data["quantity"].values.tolist()),
        data["rate_ratio_before"].values[row],
        data["rate_ratio_after"].values[row],
        ledger,
        {(point, name): why for point, name, why in notes},
    )


def _check(data: xr.Dataset, path, chips: Sequence[Chip], points: Mapping[str, OperatingPoint]) -> None:
    again = "calibrate again with calibrate()"
    missing = [name for name in _SAVED if name not in data]
    if missing:
        raise InputError(f"{path} is not a calibration: {', '.join(missing)} missing")
    if not np.all(np.isfinite(data["bias_current"]) & (data["bias_current"] >= 0)):
        raise InputError(f"{path}: bias_current holds negative or not finite currents; {again}")
    dies = dict(zip(data["chip_seed"].values.tolist(), data["die_hash"].values.tolist(), strict=True))
    known = dict(zip(data["point"].values.tolist(), data["point_hash"].values.tolist(), strict=True))
    for chip in chips:
        if data.attrs["device_hash"] != chip.device.hash:
            raise InputError(
                f"{path} was made for {data.attrs['device']}, version {data.attrs['device_hash'][:8]}; "
                f"die {chip.seed} is of {chip.device.name}, version {chip.device.hash[:8]} ({chip.device.path}); "
                f"{again}"
            )
        if chip.seed not in dies:
            there = ", ".join(map(str, list(dies)[:10]))
            raise InputError(f"{path} holds no calibration of die {chip.seed}; it was made for die {there}; {again}")
        if dies[chip.seed] != die_hash(chip):
            raise InputError(
                f"{path}: die {chip.seed} had other mismatch when it was calibrated (effects scaled or switched off); "
                f"{again}"
            )
    for name, point in points.items():
        if known.get(name) != point.hash:
            why = "was not calibrated" if name not in known else "has changed since"
            raise InputError(f"{path}: operating point {shorten(name)!r} {why} ({point.path}); {again}")
