"""Figures of results: a dataset in, matplotlib axes out.

Figures are built without pyplot, so making one changes no global state and opens no window. Colours are those of Okabe
and Ito, which colour-blind readers can tell apart; no meaning rests on colour alone.
"""

from chipemu.figures.accuracy import accuracy_against, accuracy_against_mismatch, clone_cost, learning_curve
from chipemu.figures.bias import bias_curve, bias_sketch
from chipemu.figures.choice import has_accuracy
from chipemu.figures.classes import confusion, confusion_percent
from chipemu.figures.die import die_map
from chipemu.figures.effects import effect_costs, effect_ranking, has_cloned, has_effect_costs
from chipemu.figures.rates import f_i_fan
from chipemu.figures.spikes import control_groups, raster
from chipemu.figures.spread import cv_against_tau, variance_shares
from chipemu.figures.style import FORMATS, new_axes, plain, save_figure
from chipemu.figures.weights import weight_codes, weight_matrix
from chipemu.figures.yields import die_accuracy, yield_curve, yield_fraction

__all__ = [
    "FORMATS",
    "accuracy_against",
    "accuracy_against_mismatch",
    "bias_curve",
    "bias_sketch",
    "clone_cost",
    "confusion",
    "confusion_percent",
    "control_groups",
    "cv_against_tau",
    "die_accuracy",
    "die_map",
    "effect_costs",
    "effect_ranking",
    "f_i_fan",
    "has_accuracy",
    "has_cloned",
    "has_effect_costs",
    "learning_curve",
    "new_axes",
    "plain",
    "raster",
    "save_figure",
    "variance_shares",
    "weight_codes",
    "weight_matrix",
    "yield_curve",
    "yield_fraction",
]
