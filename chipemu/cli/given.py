"""What options that are texts say: quantities with units, lists, and assignments."""

from chipemu.errors import InputError


def quantity(text: str | None, unit: str, option: str) -> float | None:
    """Number in SI of an option that has a unit; None if it was not given."""
    from chipemu.units import parse

    if text is None:
        return None
    value = parse(text, unit, where=option)
    if value < 0:
        raise InputError(f"{option} {text}: allowed 0 {unit} and above")
    return value


def items(texts: list[str] | None) -> list[str]:
    """Words of a repeatable option whose values may be comma lists."""
    return [item.strip() for text in texts or () for item in text.split(",") if item.strip()]


def switched_off(without: list[str], only: list[str]) -> tuple[str, ...]:
    """Effects that are off, of those to switch off and those that alone are to stay on."""
    from chipemu.effects import all_but

    return (*without, *all_but(only)) if only else tuple(without)


def factors(texts: list[str] | None) -> dict[str, float]:
    """Factor of each effect, of ``EFFECT=FACTOR``.

    Examples
    --------
    >>> factors(["mismatch=2,noise=0.5"])
    {'mismatch': 2.0, 'noise': 0.5}
    """
    given: dict[str, float] = {}
    for name, text in _assigned(texts, "--scale", "EFFECT=FACTOR, e.g. mismatch=2").items():
        try:
            given[name] = float(text)
        except ValueError:
            raise InputError(f"--scale {name}={text}: expected EFFECT=FACTOR, e.g. mismatch=2") from None
    return given


def rules(texts: list[str] | None) -> dict[str, str]:
    """Rule of each layer, of ``LAYER=RULE``."""
    return _assigned(texts, "--rule", "LAYER=RULE, e.g. outputs=differential-hebbian")


def _assigned(texts: list[str] | None, option: str, form: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for item in items(texts):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not value:
            raise InputError(f"{option} {item}: expected {form}")
        if name in given:
            raise InputError(f"{option} {item}: {name} is given twice; allowed once")
        given[name] = value
    return given
