"""Files that a user could break, and what the message must then name.

Each case edits a sound file, so that exactly one thing is wrong. The loaders and the command line are tested on the
same list: InputError, exit code 2, no traceback.
"""

from dataclasses import dataclass

from chipemu import library

DEVICE = library.find("devices", "dynapse1")[1]
PLASTIC = library.find("devices", "dynapse1-plastic")[1]
POINT = library.find("devices/points", "ds-fi")[1]
C_MEM = '{ value = "2 pF", source = "dynapse-simulator" }'


@dataclass(frozen=True)
class Case:
    """One broken file: its kind (``devices`` or ``devices/points``), content, and texts the message must hold."""

    name: str
    folder: str
    content: bytes
    names: tuple[str, ...]


def edit(text: str, old: str, new: str) -> bytes:
    """The text with one place changed."""
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1).encode()


def device(name: str, old: str, new: str, *names: str) -> Case:
    return Case(f"device-{name}", "devices", edit(DEVICE, old, new), names)


def point(name: str, old: str, new: str, *names: str) -> Case:
    return Case(f"point-{name}", "devices/points", edit(POINT, old, new), names)


N_CORES = "n_cores            = { value = 4,"
TAU1 = 'IF_TAU1_N         = { current = "5 pA", source = "dynapse-simulator", note = "5 I0" }'
ONE = '{ value = "1 A", source = "assumed" }'
DC = 'IF_DC_P           = { current = "0 pA"'

PCM = library.find("devices", "memristive")[1]
CAPACITOR = library.find("devices", "bistable")[1]
TRACES = library.find("devices", "dynapse1-extended")[1]


def stored(name: str, text: str, old: str, new: str, *names: str) -> Case:
    return Case(f"store-{name}", "devices", edit(text, old, new), names)


CASES = [
    stored("traces-turned", TRACES, '"30 ms"', '"180 ms"', "fast: 180 ms is not below slow, 150 ms"),
    stored("traces-unread", TRACES, ', "rate_change"]', "]", "signals: 'rate_change'", "both or neither"),
    stored(
        "traces-no-synapse",
        TRACES,
        'extends = "dynapse1-plastic"',
        'extends = "dynapse1"',
        "traces are read by plastic",
    ),
    stored("two-kinds", PCM, "[store.pcm]", "[store.capacitor]\n[store.pcm]", "store.capacitor.C: missing"),
    stored("unknown-kind", PCM, "[store.pcm]", "[store.pcn]", "store.pcn: unknown key; nearest: pcm"),
    stored("short-list", PCM, ', "-1.1731 uS"]', "]", "store.pcm.programming", "a list of 3"),
    stored("limits-fall", PCM, "[0.049, 0.1]", "[0.2, 0.1]", "nu_mean_limits", "the smaller limit first"),
    stored("bare-conductance", PCM, '"25 uS"', "25", "store.pcm.G_max", "no unit", "allowed 1 nS to 10 mS"),
    stored("range-closed", PCM, 'value = "0 S"', 'value = "30 uS"', "G_min = 30 uS, G_max = 25 uS", "G_min < G_max"),
    stored("levels-cross", CAPACITOR, '"0.9 V"', '"1.5 V"', "V_threshold = 1.5 V", "V_low < V_threshold < V_high"),
    stored(
        "no-synapse", PCM, 'extends = "dynapse1-plastic"', 'extends = "dynapse1"', "store keeps the weights of plastic"
    ),
    device("wrong-type", N_CORES, 'n_cores = { value = "four",', "chip.n_cores", "'four'", "allowed 1 to 4096"),
    device("boolean-count", N_CORES, "n_cores = { value = true,", "chip.n_cores", "True", "allowed 1 to 4096"),
    device(
        "absurd-size", N_CORES, "n_cores = { value = 1000000000,", "chip.n_cores", "1000000000", "allowed 1 to 4096"
    ),
    device("zero-size", N_CORES, "n_cores = { value = 0,", "chip.n_cores", "allowed 1 to 4096"),
    device("too-few-tags", N_CORES, "n_cores = { value = 8,", "chip", "tag_bits = 10", "2048"),
    device("missing-key", f"C_mem        = {C_MEM}", "", "circuit.C_mem", "missing", "allowed 1 fF to 1 nF"),
    device("missing-table", DEVICE[DEVICE.index("[noise]") :], "", "noise is missing", "without"),
    device("misspelt-table", "[noise]", "[nois]", "nois: unknown key; nearest: noise"),
    device("missing-default", "default   = { value = 0.27", "IF_DC_P = { value = 0.27", "between_cores.default"),
    device("unknown-key", "C_mem        =", "C_mme =", "circuit.C_mme", "nearest: C_mem", "circuit.C_mem: missing"),
    device("unknown-source", C_MEM, '{ value = "2 pF", source = "dynapse" }', "circuit.C_mem", "dynapse-simulator"),
    device("no-source", C_MEM, '{ value = "2 pF" }', "circuit.C_mem", "source is missing", "allowed 1 fF to 1 nF"),
    device("bare-number", C_MEM, "2e-12", "circuit.C_mem", "has no source"),
    device("no-unit", C_MEM, '{ value = 2e-12, source = "assumed" }', "circuit.C_mem", "no unit", "allowed 1 fF"),
    device("wrong-unit", C_MEM, '{ value = "2 ms", source = "assumed" }', "circuit.C_mem", "'2 ms'", "allowed 1 fF"),
    device("nan", C_MEM, '{ value = "nan F", source = "assumed" }', "circuit.C_mem", "not finite", "allowed 1 fF"),
    device("bare-nan", "kappa        = { value = 0.705", "kappa = { value = nan", "circuit.kappa", "allowed 0.3 to 1"),
    device("negative", 'I0           = { value = "1 pA"', 'I0 = { value = "-1 pA"', "circuit.I0", "-1 pA", "allowed"),
    device("reset-above-threshold", '"2 nA", source', '"1 pA", source', "circuit", "I0 <= I_reset < I_spkthr"),
    device("negative-spread", "{ value = 0.18", "{ value = -0.18", "mismatch.within_core.I_tau", "allowed 0 to 2"),
    device("unknown-parameter", "I_tau        = { value", "I_tua = { value", "within_core.I_tua", "nearest: I_tau"),
    device("unknown-bias-spread", "IF_TAU1_N = { v", "IF_TAU_N = { v", "between_cores", "'IF_TAU_N'", "IF_TAU1_N"),
    device("register-twice", '"I_tau2"', '"I_tau"', "biases", "'I_tau2' is set by 0", "exactly one"),
    device("falling-ranges", '"15 pA", "105 pA"', '"105 pA", "15 pA"', "bias_generator.I_max", "rising order"),
    device("duplicate-key", "C_ahp        =", f"C_mem = {C_MEM}\nC_ahp =", "C_mem", "every key once"),
    device("unknown-weights", '"words"', '"analogue"', "weights", "'float' or 'masks'"),
    device("bad-schema", "schema  = 1", "schema = 99", "schema", "99", "allowed 1"),
    device("outside-address", "[[0, 0]]", "[[0, 256]]", "chip", "(0, 256)", "neuron < 256"),
    device("deep-nesting", "signals = []", "signals = " + "[" * 5000, "not valid TOML"),
    Case("device-truncated", "devices", DEVICE[: len(DEVICE) // 2].encode(), ("not valid TOML", "line")),
    Case("device-binary", "devices", b"\x89HDF\r\n\x1a\n\x00\xff\xfe" * 100, ("not text", "UTF-8")),
    Case("device-empty", "devices", b"", ("name: missing", "chip: missing", "circuit: missing")),
    Case("device-too-large", "devices", b"#" * 1_000_001, ("larger than 1 MB",)),
    Case("device-huge-integer", "devices", b"schema = 1" + b"0" * 5000, ("not valid TOML",)),
    Case("plastic-extends-path", "devices", edit(PLASTIC, '"dynapse1"', '"../dynapse1"'), ("extends", "devices/")),
    Case("plastic-extends-unknown", "devices", edit(PLASTIC, '"dynapse1"', '"dynaps"'), ("'dynaps'", "dynapse1")),
    Case("plastic-bad-receptor", "devices", edit(PLASTIC, '"gaba_b"', '"glycine"'), ("plastic.negative", "'gaba_b'")),
    Case("plastic-bad-signal", "devices", edit(PLASTIC, '"learn_enable"', '"learn"'), ("signals.2", "learn_enable")),
    point("wrong-type", '"5 pA"', "5", "biases.IF_TAU1_N", "5 has no unit", "allowed 0 A to 24 uA"),
    point("missing-bias", TAU1, "", "biases.IF_TAU1_N", "missing", "current"),
    point("unknown-bias", "IF_TAU1_N   ", "IF_TAU_N   ", "biases.IF_TAU_N", "nearest: IF_TAU1_N"),
    point("negative", DC, 'IF_DC_P = { current = "-2 pA"', "biases.IF_DC_P", "-2 pA", "allowed 0 A to 24 uA"),
    point("nan", DC, 'IF_DC_P = { current = "nan A"', "biases.IF_DC_P", "not finite", "allowed 0 A to 24 uA"),
    point("wrong-unit", DC, 'IF_DC_P = { current = "2 mV"', "biases.IF_DC_P", "'2 mV'", "allowed 0 A to 24 uA"),
    point("out-of-range", DC, 'IF_DC_P = { current = "1 mA"', "biases.IF_DC_P", "1 mA", "allowed 0 A to 24 uA"),
    point("code-out-of-range", DC, "IF_DC_P = { coarse = 0, fine = 256", "biases.IF_DC_P", "fine = 256", "0 to 255"),
    point("half-a-code", DC, "IF_DC_P = { coarse = 0", "biases.IF_DC_P", "coarse"),
    point("code-and-current", DC, 'IF_DC_P = { coarse = 0, fine = 1, current = "1 pA"', "biases.IF_DC_P", "coarse"),
    point("duplicate-key", DC, f"{TAU1}\n{DC}", "IF_TAU1_N", "every key once"),
    point("too-hot", '"16.96 degC"', '"1700 degC"', "point.temperature", "1700 degC", "allowed 218.15 K to 398.15 K"),
    point("unknown-constant", "[biases]", f"[circuit]\nI_spk = {ONE}\n[biases]", "circuit.I_spk", "I_spkthr"),
    point("bad-constant", "[biases]", f"[circuit]\nC_mem = {ONE}\n[biases]", "circuit.C_mem", "allowed 1 fF to 1 nF"),
    point("other-device", '["dynapse1"]', '["dynapse9"]', "point.device", "dynapse9", "dynapse1"),
    Case("point-truncated", "devices/points", POINT[: len(POINT) // 2].encode(), ("not valid TOML", "line")),
    Case("point-binary", "devices/points", bytes(range(256)), ("not text", "UTF-8")),
]
