"""`chipemu show DEVICE --budget POINT` and `--spread POINT`: where spread comes from, how it follows the current."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from chipemu.cli.terminal import note, print_json, print_table

if TYPE_CHECKING:
    from chipemu.device import DeviceSpec

_WITHIN, _SHARE = 0.1, 0.95


def show_budget(device: DeviceSpec, point: str, model: str, figure: Path | None, as_json: bool) -> None:
    """Print which class of transistors costs how much of the spread, and the area that buys a yield."""
    from chipemu.device import load_point
    from chipemu.validation.budget import OUTPUTS, budget

    split = budget(device, load_point(point, device), model)
    shares = {output: split.by_class(output) for output in OUTPUTS}
    factor = split.area_factor("rate", _WITHIN, _SHARE) if split.area else None
    best = split.best_areas("rate", _WITHIN, _SHARE) if split.area else {}
    if figure is not None:
        from chipemu import figures

        names = {"rate": "firing rate", "tau_mem": "time constant", "epsp": "EPSP"}
        figures.save_figure(figures.variance_shares({names[output]: shares[output] for output in OUTPUTS}), figure)
        note(f"written: {figure}")
    if as_json:
        print_json(
            {
                "device": split.device,
                "point": split.point,
                "mismatch_model": model,
                "nominal": {"rate_Hz": split.nominal["rate"], "tau_mem_s": split.nominal["tau_mem"]}
                | {"epsp_V": split.nominal["epsp"]},
                "words": split.words,
                "sigma_predicted": dict(zip(OUTPUTS, split.predicted.tolist(), strict=True)),
                "sigma_drawn": dict(zip(OUTPUTS, split.drawn.tolist(), strict=True)),
                "share": shares,
                "parameters": {
                    name: {
                        "class": split.classes[k],
                        "sigma": float(split.sigma[k]),
                        "slope": {output: float(split.slope[o, k]) for o, output in enumerate(OUTPUTS)},
                    }
                    for k, name in enumerate(split.parameters)
                },
                "yield": {"within": _WITHIN, "share": _SHARE, "area_factor": factor, "best_area_m2": best},
            }
        )
        return
    rows = [
        (
            name,
            f"{1e12 * split.area[name]:.3g}" if name in split.area else "-",
            *(f"{100 * shares[output].get(name, 0.0):.1f}" for output in OUTPUTS),
            f"{1e12 * split.area[name] * factor:.3g}" if name in split.area else "-",
            f"{1e12 * best[name]:.3g}" if name in best else "-",
        )
        for name in shares["rate"]
    ]
    columns = ("transistors", "W L [um2]", "rate [%]", "tau_mem [%]", "EPSP [%]", "all alike [um2]", "least [um2]")
    print_table(f"spread of a neuron of {split.device} at {split.point}, sizes {model}", columns, rows)
    nominal, words = split.nominal, split.words
    print(
        f"rate {nominal['rate']:.1f} Hz ({words['rate']} words at 500 Hz), tau_mem {1e3 * nominal['tau_mem']:.1f} ms, "
        f"EPSP {1e3 * nominal['epsp']:.1f} mV ({words['epsp']} words)"
    )
    print(
        "sigma(ln), sum of the shares: "
        + ", ".join(f"{o} {100 * s:.1f} %" for o, s in zip(OUTPUTS, split.predicted, strict=True))
    )
    print(
        "sigma(ln), over sampled dies: "
        + ", ".join(f"{o} {100 * s:.1f} %" for o, s in zip(OUTPUTS, split.drawn, strict=True))
    )
    silent = sorted({name for name, sigma in zip(split.classes, split.sigma, strict=True) if sigma == 0})
    if silent:
        print(f"no spread is known for a current of: {', '.join(silent)}; such a current costs nothing here")
    if factor is not None:
        print(
            f"{100 * _SHARE:g} % of neurons within {100 * _WITHIN:g} % of the rate: every gate area times {factor:.3g} "
            "(all alike), or the areas of the last column, the least in total"
        )


def show_spread(device: DeviceSpec, point: str, figure: Path | None, as_json: bool) -> None:
    """Print the CV of the membrane time constant against its mean, by measurement and by geometry."""
    from chipemu.device import load_point
    from chipemu.validation.spread import cv_against_tau, measured_cvs

    spec = load_point(point, device)
    tau, silicon = (list(values) for values in zip(*measured_cvs(), strict=True))
    models = {"measured": "measured sizes", "geometry": "geometry (Pelgrom)"}
    known = [model for model in models if model == "measured" or device.transistors]
    cv = {model: cv_against_tau(device, spec, tau, model, (1, 2, 3)).tolist() for model in known}
    if figure is not None:
        from chipemu import figures

        curves = {models[model]: values for model, values in cv.items()}
        figures.save_figure(figures.cv_against_tau(tau, curves, silicon), figure)
        note(f"written: {figure}")
    if as_json:
        print_json({"device": device.name, "point": spec.name, "tau_mem_s": tau, "cv_silicon": silicon, "cv": cv})
        return
    rows = [
        (f"{1e3 * t:.1f}", f"{100 * s:.1f}", *(f"{100 * cv[model][k]:.1f}" for model in known))
        for k, (t, s) in enumerate(zip(tau, silicon, strict=True))
    ]
    columns = ("tau_mem [ms]", "silicon [%]", *(f"{models[model]} [%]" for model in known))
    print_table(f"CV of tau_mem from neuron to neuron, {device.name} at {spec.name}", columns, rows, text_columns=0)
    print("silicon: zendrikov-2024, 256 neurons of one SE1 core (data/reference/spread.csv); the others: three dies")
