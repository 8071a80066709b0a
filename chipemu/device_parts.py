"""Parts of a device's description, each the frozen content of one table of its file. Numbers in SI."""

from collections.abc import Mapping
from dataclasses import dataclass

from chipemu.frozen_map import FrozenMap


@dataclass(frozen=True)
class Capacity:
    """What fits on a chip, or on a board of equal chips: counts, and the (core, neuron) addresses that stay unused.

    ``n_cores`` counts the cores of all chips, those of one chip together; ``reserved`` holds on every chip.
    """

    n_cores: int
    n_neurons_per_core: int
    n_cam_words: int
    n_sram_words: int
    tag_bits: int
    n_virtual_sources: int
    reserved: tuple[tuple[int, int], ...]
    n_chips: int = 1

    @property
    def cores_per_chip(self) -> int:
        """Cores of each chip."""
        return self.n_cores // self.n_chips

    @property
    def reserved_places(self) -> tuple[tuple[int, int], ...]:
        """The reserved (core, neuron) addresses of every chip, each once."""
        first = range(0, self.n_cores, self.cores_per_chip)
        return tuple((core + chip, neuron) for chip in first for core, neuron in dict.fromkeys(self.reserved))


@dataclass(frozen=True)
class Routing:
    """How events find their words: by tags that the mapper gives freely, or by the sender's address; and how many hops
    of the mesh an event may take in each direction."""

    free_tags: bool = False
    n_hops: int = 0


@dataclass(frozen=True)
class Bias:
    """A register of a core; ``parameter`` is None where its effect is not modelled."""

    name: str
    parameter: str | None
    summary: str


@dataclass(frozen=True)
class Structure:
    """How within-core spread lies on the die.

    ``gradient`` is the standard deviation of the slope of ln(current) along each axis, edge to edge;
    ``correlated_share`` the part of the within-core variance that neighbours have in common over
    ``correlation_length`` [neurons]; ``outlier_share`` the fraction of currents with an extra deviation of
    ``outlier_width`` times the within-core one.
    """

    gradient: float = 0.0
    correlated_share: float = 0.0
    correlation_length: float = 1.0
    outlier_share: float = 0.0
    outlier_width: float = 0.0


@dataclass(frozen=True)
class Mismatch:
    """Fixed spread as the standard deviation of ln(current), complete for every name.

    ``within_core`` is keyed by neuron parameter (and I_reset, I_spkthr), ``between_cores`` and ``between_dies`` by
    modelled bias; ``slot`` holds for the pulse of one CAM word. ``against_current`` has currents [A] and factors on
    ``within_core`` for the parameters whose spread was measured at several currents.
    """

    within_core: Mapping[str, float]
    between_cores: Mapping[str, float]
    between_dies: Mapping[str, float]
    slot: float
    against_current: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = FrozenMap({})
    structure: Structure = Structure()


@dataclass(frozen=True)
class Noise:
    """Noise in time: factor on kT/C, relative noise of the soma's input current and its time constant [s].

    Flicker of every current, on the gate of its transistor: S_VG = ``flicker_K`` / ``flicker_C_gate`` / f^``exponent``,
    K [J, that is V^2 F] at 1 Hz and the gate's capacitance [F], from ``flicker_low`` to ``flicker_high`` [Hz]. Supply:
    relative noise that all currents of a core share, and its time constant [s]. An event is lost with probability
    ``event_loss``, and held back by ``event_jitter`` on average [s].
    """

    thermal_eta: float = 0.0
    input_std: float = 0.0
    input_tau: float = 5e-3
    flicker_K: float = 0.0
    flicker_C_gate: float = 17e-15
    flicker_exponent: float = 1.0
    flicker_low: float = 0.01
    flicker_high: float = 50.0
    supply_std: float = 0.0
    supply_tau: float = 10e-3
    event_jitter: float = 0.0
    event_loss: float = 0.0


@dataclass(frozen=True)
class Plastic:
    """Synapses that hold a signed code and step it at a presynaptic event.

    A step of the code by one happens with probability min(1, |I_fb| step_window / step_charge), where I_fb is the
    feedback current [A] of the synapse's neuron; ``step_charge`` [C] has a lognormal spread ``step_mismatch``.
    I_fb = I_nmda - ``balance`` * I_gaba_a. One code step is worth ``word_per_code`` CAM words.
    """

    n_words: int
    code_max: int
    word_per_code: float
    step_charge: float
    step_window: float
    step_mismatch: float
    balance: float
    positive: str
    negative: str
    host_access: bool

    @property
    def step_per_charge(self) -> float:
        """Probability of a step for each coulomb of feedback charge [1/C]."""
        return 1.0 / self.step_charge


@dataclass(frozen=True)
class Traces:
    """Two low-passed copies of every neuron's spikes, of rate 1 for a constant rate: time constants [s].

    Each has a gain of its own, whose lognormal spread is ``mismatch``.
    """

    fast: float
    slow: float
    mismatch: float


@dataclass(frozen=True)
class DefectRates:
    """Fractions of elements that are dead or stuck on a die.

    ``dead_words`` of all CAM words, gathered in few neurons: ``word_clustering`` is the correlation of two words of a
    neuron, ``word_between_cores`` the spread sigma(ln) of the fraction from core to core. ``dead_synapses`` and
    ``stuck_synapses`` are of the plastic synapses.
    """

    dead_words: float = 0.0
    word_clustering: float = 0.0
    word_between_cores: float = 0.0
    stuck_words: float = 0.0
    dead_neurons: float = 0.0
    dead_tags: float = 0.0
    dead_synapses: float = 0.0
    stuck_synapses: float = 0.0


@dataclass(frozen=True)
class Energy:
    """Energy of the operations that an event takes [J]: a neuron generates a spike, encodes one routing word, routes
    an event to another core, broadcasts it in a core, and a matching synapse extends it to a pulse."""

    generate: float
    encode: float
    route: float
    broadcast: float
    pulse: float


@dataclass(frozen=True)
class Power:
    """Power without events, of a core and of the rest of the chip [W]; energy of a hop to the next chip [J]; time of a
    broadcast in a core and of a hop [s]; events that a core takes [1/s]."""

    static_core: float
    static_chip: float
    hop: float
    broadcast_time: float
    hop_time: float
    event_rate: float
