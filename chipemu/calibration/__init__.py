"""Calibration from spikes alone: bias codes of every core until its rates are those of the nominal chip."""

from chipemu.calibration.carry_over import carry_over
from chipemu.calibration.procedure import calibrate
from chipemu.calibration.result import Calibration, load_calibration

__all__ = ["Calibration", "calibrate", "carry_over", "load_calibration"]
