"""`chipemu devices` and `chipemu show`: which chips there are, and one of them as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chipemu.cli.learn import Spread
from chipemu.cli.spread import show_budget, show_spread
from chipemu.cli.terminal import Json, check_output, note, print_json, print_table
from chipemu.errors import InputError

if TYPE_CHECKING:
    from chipemu.device import DeviceSpec


def devices(as_json: Json = False) -> None:
    """List the chips that come with chipemu."""
    from chipemu import library
    from chipemu.device import load_device

    found = [load_device(name) for name in library.list_names("devices")]
    if as_json:
        print_json({"devices": [_headline(device) for device in found]})
        return
    rows = [
        (
            device.name,
            f"{device.chip.n_cores} x {device.chip.n_neurons_per_core}",
            _place(device),
            device.title,
        )
        for device in found
    ]
    print_table("", ("device", "cores x neurons", "learns", "what it is"), rows, text_columns=4)


def show(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="name or path of a device file")],
    applied: Annotated[
        bool, typer.Option("--applied", help="effects that act on its dies, and how to switch them")
    ] = False,
    bias: Annotated[str | None, typer.Option(metavar="NAME", help="one bias register: effect, spread, codes")] = None,
    point: Annotated[
        str | None, typer.Option(metavar="POINT", help="an operating point on this device; name or path")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="POINT", help="which transistors cost how much spread; area of a yield"),
    ] = None,
    spread: Annotated[
        str | None, typer.Option(metavar="POINT", help="spread of tau_mem against its mean, measured and by geometry")
    ] = None,
    mismatch_model: Annotated[
        Spread, typer.Option(help="with --budget: sizes as measured, or by the geometry of transistors")
    ] = Spread.measured,
    figure: Annotated[
        Path | None, typer.Option(metavar="F.png", help="with --bias, --budget or --spread: draw it")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a chip: every number with its unit and source."""
    from chipemu.device import load_device, load_point
    from chipemu.figures import FORMATS

    check_output(figure, FORMATS)
    spec = load_device(device)
    if figure is not None and bias is None and budget is None and spread is None:
        raise InputError(f"--figure {figure}: nothing to draw; give --bias NAME, --budget POINT or --spread POINT")
    if budget is not None:
        show_budget(spec, budget, mismatch_model.value, figure, as_json)
    elif spread is not None:
        show_spread(spec, spread, figure, as_json)
    elif bias is not None:
        _show_bias(spec, bias, as_json, figure)
    elif point is not None:
        chosen = load_point(point, spec)
        if as_json:
            print_json({"device": spec.name, "point": chosen.name, "biases": _numbers(chosen.quantities)})
        else:
            print(chosen)
    elif applied:
        _show_applied(spec, as_json)
    elif as_json:
        latches = {name: {"register": latch.register, "default": latch.default} for name, latch in spec.latches.items()}
        lists = {"not_modelled": list(spec.not_modelled), "latches": latches}
        print_json(_headline(spec) | {"numbers": _numbers(spec.quantities)} | lists)
    else:
        print(spec)


def _place(device: DeviceSpec) -> str:
    return "on the chip" if device.plastic else "at the host"


def _headline(device: DeviceSpec) -> dict:
    return {
        "device": device.name,
        "title": device.title,
        "path": device.path,
        "hash": device.hash,
        "where": "chip" if device.plastic else "host",
        "n_cores": device.chip.n_cores,
        "n_neurons_per_core": device.chip.n_neurons_per_core,
    }


def _numbers(quantities) -> dict:
    return {
        key: {"value": quantity.value, "unit": quantity.unit, "source": quantity.source, "note": quantity.note}
        for key, quantity in quantities.items()
    }


def _show_bias(device: DeviceSpec, name: str, as_json: bool, figure: Path | None) -> None:
    from chipemu.errors import UnknownNameError
    from chipemu.units import show as shown

    if name not in device.biases:
        raise UnknownNameError("bias", name, device.biases, where=device.path)
    register = device.biases[name]
    if figure is not None:
        _check_figure(device, name, figure)
    settings = _settings(device, name) if register.parameter else []
    spread = {
        "within_core": device.mismatch.within_core.get(register.parameter),
        "between_cores": device.mismatch.between_cores.get(name),
        "between_dies": device.mismatch.between_dies.get(name),
    }
    if as_json:
        content = {"device": device.name, "bias": name, "parameter": register.parameter, "summary": register.summary}
        print_json(content | {"mismatch": spread, "points": settings, "figure": figure and str(figure)})
        _plot_bias(device, name, settings, figure)
        return
    print(f"{name} of {device.name} ({device.path}): {register.summary}")
    if register.parameter is None:
        print("  this register has no effect in the emulator")
        return
    print(
        f"  sets {register.parameter}; sigma(ln) "
        + ", ".join(f"{k.replace('_', ' ')} {v:g}" for k, v in spread.items())
    )
    rows = []
    for row in settings:
        code = "exact" if row["coarse"] is None else f"{row['coarse']}, {row['fine']}"
        rows.append((row["point"], shown(row["current_A"], "A"), code, shown(row["set_A"], "A")))
    print_table("", ("operating point", "asked", "coarse, fine", "nominal"), rows)
    if name in device.generators:
        from chipemu.bias import currents
        from chipemu.figures.bias import bias_sketch

        print("nominal current of every code at 25 degC, each coarse range by its digit\n")
        print(bias_sketch(currents(device.generators[name])))
    _plot_bias(device, name, settings, figure)


def _check_figure(device: DeviceSpec, name: str, figure: Path) -> None:
    """Refuse a figure that cannot be drawn or written."""
    from chipemu.figures import FORMATS

    if name not in device.generators:
        raise InputError(f"{name} of {device.name} has no curve: its current is exact or has no effect ({device.path})")
    check_output(figure, FORMATS)


def _plot_bias(device: DeviceSpec, name: str, settings: list[dict], figure: Path | None) -> None:
    if figure is None:
        return
    from chipemu.bias import currents
    from chipemu.figures import bias_curve, save_figure

    marks = [(row["point"], row["coarse"], row["fine"]) for row in settings]
    axes = bias_curve(currents(device.generators[name]), marks=marks, name=f"{name}, {device.name}")
    save_figure(axes, figure)
    note(f"wrote {figure}")


def _settings(device: DeviceSpec, name: str) -> list[dict]:
    """What every shipped operating point asks of a bias, and the nearest code."""
    from chipemu import bias, library
    from chipemu.device import load_point
    from chipemu.errors import PointFileError

    rows = []
    for point in library.list_names("devices/points"):
        try:
            asked = load_point(point, device).biases[name]
        except PointFileError:
            continue  # a point of another family of chips
        generator = device.generators.get(name)
        coarse, fine = bias.nearest_code(generator, asked) if generator else (None, None)
        nominal = bias.current(generator, coarse, fine) if generator else asked
        rows.append({"point": point, "current_A": asked, "coarse": coarse, "fine": fine, "set_A": nominal})
    return rows


def _show_applied(device: DeviceSpec, as_json: bool) -> None:
    from chipemu.effect_sizes import size_text
    from chipemu.effects import EFFECTS, GROUPS

    group_of = {member: group for group, members in GROUPS.items() for member in members}
    rows = [
        {
            "effect": effect.name,
            "group": group_of.get(effect.name),
            "unit": effect.unit,
            "size": size_text(device, effect.name),
            "scalable": effect.scalable,
            "changes": list(effect.changes),
            "summary": effect.summary,
        }
        for effect in EFFECTS.values()
    ]
    if as_json:
        print_json({"device": device.name, "effects": rows})
        return
    texts = [(row["effect"], row["group"] or "-", row["size"], row["unit"], row["summary"]) for row in rows]
    print_table(
        f"effects on a die of {device.name}", ("effect", "group", "size", "unit", "what"), texts, text_columns=5
    )
    print("switch off: --without EFFECT or GROUP; scale: --scale mismatch=2 (quantisation and calibration: on or off)")
