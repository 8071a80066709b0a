"""Figures of results: a dataset in, matplotlib axes out.

Figures are built without pyplot, so making one changes no global state and opens no window. Colours are those of Okabe
and Ito, which colour-blind readers can tell apart; no meaning rests on colour alone.

Names are imported on first use: a command that draws nothing pays for nothing.
"""

import importlib

_HOME = {
    "FORMATS": "style",
    "accuracy_against": "accuracy",
    "accuracy_against_mismatch": "accuracy",
    "bias_curve": "bias",
    "bias_sketch": "bias",
    "clone_cost": "accuracy",
    "confusion": "classes",
    "confusion_percent": "classes",
    "control_curve": "accuracy",
    "control_groups": "spikes",
    "cv_against_tau": "spread",
    "die_accuracy": "yields",
    "die_map": "die",
    "decision_regions": "regions",
    "effect_costs": "effects",
    "effect_ranking": "effects",
    "f_i_fan": "rates",
    "has_accuracy": "choice",
    "has_cloned": "effects",
    "has_effect_costs": "effects",
    "has_trainings": "transfer",
    "learning_curve": "accuracy",
    "new_axes": "style",
    "plain": "style",
    "raster": "spikes",
    "save_figure": "style",
    "training_comparison": "transfer",
    "variance_shares": "spread",
    "weight_codes": "weights",
    "weight_matrix": "weights",
    "yield_curve": "yields",
    "yield_fraction": "yields",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'chipemu.figures' has no attribute {name!r}")
    return getattr(importlib.import_module(f"chipemu.figures.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
