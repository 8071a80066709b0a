"""Quantities with units: text at the boundary, SI floats inside, kernel factors for the compiled code.

QuantiPhy does the reading and printing. The kernels count in pA, ms, pF and mV, a closed system in which
pF mV / ms = pA; multiply an SI value by `PA`, `MS`, `PF` or `MV` to enter it.
"""

import math

from quantiphy import InvalidNumber, Quantity, UnitConversion

from chipemu.errors import UnitError, shorten

PA = 1e12  # A -> pA
MS = 1e3  # s -> ms
PF = 1e12  # F -> pF
MV = 1e3  # V -> mV
# Exact by definition (SI 2019); scipy.constants has them too and takes 0.1 s to import.
_BOLTZMANN = 1.380649e-23  # J/K
_CHARGE = 1.602176634e-19  # C

_EXAMPLE = {
    "s": "20 ms",
    "A": "5 pA",
    "F": "2 pF",
    "V": "0.7 V",
    "K": "25 degC",
    "Hz": "50 Hz",
    "W": "3 uW",
    "C": "0.2 pC",
    "": "0.2",
}
_LONGEST_TEXT = 64


class _ChipQuantity(Quantity):
    """QuantiPhy with the units whose names it would read as a scale factor ('min' as milli-inch, 'K' as kilo)."""


_ChipQuantity.set_prefs(known_units="min K")
# Closed lists: QuantiPhy would also read '20 F' as a temperature in Fahrenheit.
_TEMPERATURE_NAMES = "degC °C"
_TIME_NAMES = {
    "min minute minutes": 60.0,
    "h hr hour hours": 3600.0,
    "d day days": 86400.0,
    "week weeks": 604800.0,
}
_OTHER_NAMES = {"K": _TEMPERATURE_NAMES.split(), "s": " ".join(_TIME_NAMES).split()}
UnitConversion("K", _TEMPERATURE_NAMES, 1.0, 273.15)
for _names, _seconds in _TIME_NAMES.items():
    UnitConversion("s", _names, _seconds)


def parse(text: str, unit: str, *, where: str = "") -> float:
    """Read a quantity with its unit and return it in SI.

    Parameters
    ----------
    text : str
        Number and unit, e.g. ``"20 ms"``, ``"3.6 pA"``, ``"25 degC"``, ``"1 week"``.
    unit : str
        SI unit expected; ``""`` for a ratio, which may be a number or carry a percent sign.
    where : str, optional
        File and key path that the message names.

    Returns
    -------
    float
        Value [``unit``].

    Raises
    ------
    UnitError
        No unit, another unit, not a number, or not finite.

    Examples
    --------
    >>> parse("20 ms", "s"), parse("27 %", ""), parse("25 degC", "K")
    (0.02, 0.27, 298.15)
    """
    if unit == "" and isinstance(text, int | float) and not isinstance(text, bool):
        text = repr(text)
    prefix = f"{where}: " if where else ""
    expected = f"expected a quantity in {unit or 'no unit (a ratio)'}, e.g. {_EXAMPLE.get(unit, '1 ' + unit)!r}"
    if not isinstance(text, str):
        raise UnitError(f"{prefix}{shorten(repr(text))} has no unit; {expected}")
    value = _si_value(text, unit)
    if value is None:
        raise UnitError(f"{prefix}{shorten(text)!r} is not usable; {expected}")
    if not math.isfinite(value):
        raise UnitError(f"{prefix}{shorten(text)!r} is not finite; {expected}")
    return value


def in_si(value: str | float, unit: str, *, where: str = "") -> float:
    """A quantity given as text with its unit, or as a number that is SI already.

    Examples
    --------
    >>> in_si("1 week", "s"), in_si(60, "s")
    (604800.0, 60.0)
    """
    return parse(value, unit, where=where) if isinstance(value, str) else float(value)


def _si_value(text: str, unit: str) -> float | None:
    if len(text) > _LONGEST_TEXT:
        return None
    try:
        quantity = _ChipQuantity(text)
        if unit == "":
            return {"": float(quantity), "%": float(quantity) / 100}.get(quantity.units)
        if quantity.units == unit:
            return float(quantity)
        return float(quantity.scale(unit)) if quantity.units in _OTHER_NAMES.get(unit, ()) else None
    except InvalidNumber:
        return None


def show(value: float, unit: str) -> str:
    """Print an SI value with the scale factor that reads best.

    Parameters
    ----------
    value : float
        Value [``unit``].
    unit : str
        SI unit; ``""`` for a ratio.

    Returns
    -------
    str
        At most five significant digits.

    Examples
    --------
    >>> show(0.02, "s"), show(3.64e-12, "A"), show(0.18, "")
    ('20 ms', '3.64 pA', '0.18')
    """
    if unit == "":
        return f"{value:.5g}"
    if unit == "K":
        return f"{value:.5g} K"
    return _ChipQuantity(value, unit).render(prec=4)


def thermal_voltage(temperature: float) -> float:
    """Thermal voltage U_T = k T / q.

    Parameters
    ----------
    temperature : float
        Absolute temperature [K].

    Returns
    -------
    float
        U_T [V].

    Examples
    --------
    >>> round(thermal_voltage(298.15), 6)
    0.025693
    """
    return _BOLTZMANN * temperature / _CHARGE
