"""Dies running a mapped network: chips, biases and weight images in, spikes and probes out.

One emulator holds many runs (every die with every noise seed) and advances them in one compiled call.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from chipemu.chip import Chip
from chipemu.delays import connection_delays, deepened
from chipemu.errors import InputError, UnknownNameError
from chipemu.kernels import layout as at
from chipemu.kernels.die import Events, Probes
from chipemu.kernels.jit import kernel_hash
from chipemu.kernels.layout import LANES, N_FIELDS
from chipemu.kernels.lesson import no_lesson
from chipemu.latches import bring_to_rest, build_depression
from chipemu.ledger import Ledger
from chipemu.mapping import MappedNetwork
from chipemu.mapping.bases import neuron_bases
from chipemu.parameters import (
    PADDING,
    BiasSetting,
    base_shares,
    core_temperature,
    load_points,
    neuron_currents,
    neuron_fields,
    neuron_temperature,
    nominal_charge,
    point_setting,
    warn_if_coarse,
)
from chipemu.recording import build_dataset, chosen_neurons, probe_fields, probe_values
from chipemu.running import Running
from chipemu.slow_noise import build_slow, set_weights, start
from chipemu.stimulus import EventList, as_events, steps
from chipemu.stored_weights import StoredWeights
from chipemu.transit import build_transit, clear
from chipemu.units import PA, show, thermal_voltage
from chipemu.weight_memory import WeightMemory
from chipemu.wiring import Lanes

DEFAULT_DT = 1e-4  # s
_PRECISION = {"float32": np.float32, "float64": np.float64}


class Emulator(Running, StoredWeights):
    """Runs a mapped network on dies.

    Parameters
    ----------
    chips : sequence of Chip
        Dies of one device.
    mapped : MappedNetwork
        Placed network; the same placement serves every die.
    noise_seeds : sequence of int
        Every die runs once with each.
    setting : BiasSetting, optional
        Calibrated biases; by default what the operating points ask for.
    points : mapping, optional
        Operating points by name; by default loaded by the names in the mapping.
    dt : float
        Time step [s].
    precision : {"float32", "float64"}
        Of the state.

    Examples
    --------
    >>> from chipemu import Network, load_device, map_network, sample_chip
    >>> device, net = load_device("dynapse1"), Network("one")
    >>> source, pop = net.sources("in", 1), net.population("cells", 4, point="output")
    >>> _ = net.project(source, pop, receptor="ampa", words=8)
    >>> emulator = Emulator([sample_chip(device, seed=1)], map_network(net, device))
    >>> recording = emulator.run([200.0], duration=0.2)
    >>> recording.sizes["spike"] > 0
    True
    """

    def __init__(
        self,
        chips: Sequence[Chip],
        mapped: MappedNetwork,
        *,
        noise_seeds: Sequence[int] = (0,),
        setting: BiasSetting | None = None,
        points: Mapping | None = None,
        dt: float = DEFAULT_DT,
        precision: str = "float32",
    ):
        if not chips or not len(noise_seeds):
            raise InputError("an emulator needs at least one chip and one noise seed")
        if precision not in _PRECISION:
            raise UnknownNameError("precision", precision, _PRECISION)
        if not 0 < dt < 1:
            raise InputError(
                f"time step {show(dt, 's')} is not usable; give more than 0 s and less than 1 s, e.g. 100 us"
            )
        if any(chip.device.hash != mapped.device.hash for chip in chips):
            raise InputError(
                f"the network is mapped on {mapped.device.name}, but a chip is of another device or version"
            )
        self.chips, self.mapped, self.noise_seeds, self.dt = tuple(chips), mapped, tuple(noise_seeds), dt
        self.points = dict(points) if points is not None else load_points(mapped)
        self.n_runs = len(chips) * len(noise_seeds)
        self.step = np.zeros(self.n_runs, np.int64)
        self.ledger = Ledger()
        self._inject = 1.0
        self._divisions = {}
        self._lanes = Lanes(mapped)
        dtype = _PRECISION[precision]
        self._keys = np.array(
            [(seed & 0xFFFFFFFF, chip.seed & 0xFFFFFFFF) for chip in chips for seed in noise_seeds], np.uint64
        )
        bases = None
        if mapped.device.weights == "masks":
            bases = neuron_bases(mapped.device, self.points, mapped.core_point, mapped.address)
        self._memory = WeightMemory(
            mapped, self._lanes, chips, len(noise_seeds), dt, dtype, step=self.step, keys=self._keys, bases=bases
        )
        self._slow = build_slow(chips, len(noise_seeds), self._lanes, self._keys, dt, dtype)
        self._transit = build_transit(mapped, self._lanes, chips, len(noise_seeds), self._memory.wiring, dt, dtype)
        self._floor = np.zeros((self.n_runs, 2), dtype)
        self.state = np.zeros((self.n_runs, self._lanes.n_lanes * N_FIELDS), dtype)
        self._pending = np.zeros((self.n_runs, self._lanes.n_lanes // LANES), np.int32)
        self._depression = build_depression(mapped, self._memory.edge, self.n_runs, dtype)
        self._nothing = no_lesson(self.n_runs)
        self._silence = Events(np.zeros(self.n_runs + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))
        self._set_floor()
        self._set_initial_state()
        self.set_biases(setting if setting is not None else point_setting(mapped, chips, self.points))

    @property
    def lane(self) -> np.ndarray:
        """Lane of each neuron in the blocked state, (neuron,)."""
        return self._lanes.lane

    @property
    def n_lanes(self) -> int:
        """Lanes of a run, padding included."""
        return self._lanes.n_lanes

    # --- what the die holds ---------------------------------------------------------------------------------

    def nominal_charge(self, point: str, receptor: str) -> float:
        """Charge of one CAM word's pulse through a receptor at an operating point, by design values [C]."""
        return nominal_charge(self.mapped.device, self.points[point], receptor)

    def set_temperature(self, temperature: str | float) -> None:
        """Bring every die to a temperature, e.g. ``"60degC"`` or 333.15 [K]; the state of the neurons goes on."""
        self._turn_into([chip.set_temperature(temperature) for chip in self.chips])

    def age(self, duration: str | float) -> None:
        """Let time pass on idle dies, e.g. ``"1 week"`` or a number [s].

        Biases drift, what a weight store keeps drifts or leaks, neurons come to rest.

        Raises
        ------
        InputError
            If a die would be older than 1e9 s, about 30 years.
        """
        before = self.chips[0].elapsed
        self._turn_into([chip.age(duration) for chip in self.chips])
        self._memory.age(self.chips[0].elapsed - before)
        start(
            self._slow, np.repeat([chip.n_waits for chip in self.chips], len(self.noise_seeds)), self._lanes, self._keys
        )
        self._set_initial_state()

    def _turn_into(self, chips: Sequence[Chip]) -> None:
        self.chips = tuple(chips)
        self._set_floor()
        set_weights(self._slow, self.chips, len(self.noise_seeds))
        self.set_biases(self.setting)

    def _set_floor(self) -> None:
        floor = np.repeat([chip.leakage for chip in self.chips], len(self.noise_seeds))
        floor = floor * self.mapped.device.circuit["I0"] * PA
        self._floor[:] = np.stack([floor, np.log(floor)], axis=1)
        self._memory.plastic.floor[:] = floor

    def _set_initial_state(self) -> None:
        self._pending[:] = 0
        clear(self._transit)
        fields = self.state.reshape(self.n_runs, -1, N_FIELDS, LANES)
        fields[:, :, : at.N_STATE] = 0.0
        fields[:, :, at.I_SYN : at.I_SYN + 4] = self._floor[:, None, None, :1]
        fields[:, :, at.Y] = self._floor[:, None, 1:]
        fields[:, :, at.I_AHP] = self._floor[:, None, :1]
        fields[:, :, (at.SLOW_INPUT, at.SLOW_LEAK)] = 1.0
        bring_to_rest(self._depression, self.state, self._floor[:, 0])

    def set_biases(self, setting: BiasSetting) -> None:
        """Tell the bias generators of every die; the state of the neurons goes on."""
        self.setting = setting
        address, stated_at = self.mapped.address, core_temperature(self.mapped, self.points)
        flowing = [neuron_currents(chip, setting, c, address, stated_at) for c, chip in enumerate(self.chips)]
        seeds = len(self.noise_seeds)
        for c, chip in enumerate(self.chips):
            fields = neuron_fields(chip, self.mapped, self.points, setting, c, flowing[c], self.dt)
            warn_if_coarse(fields, self._silenced(c, fields), self.dt)
            for field, value in fields.items():
                padding = PADDING.get(field, 0.0)
                self._lanes.set_field(self.state, field, slice(c * seeds, (c + 1) * seeds), value, padding)
        if self.mapped.device.weights == "masks":
            self._memory.set_base_shares(np.repeat([base_shares(currents) for currents in flowing], seeds, axis=0))
        if self.mapped.device.delays is not None:
            self._set_delays(flowing)

    def _set_delays(self, flowing: Sequence[Mapping[str, np.ndarray]]) -> None:
        seconds = connection_delays(self.mapped, self._memory.edge, self.chips, self.setting, flowing)
        delay = np.repeat(np.rint(seconds / self.dt).astype(np.int32), len(self.noise_seeds), axis=0)
        self._memory.wiring = self._memory.wiring._replace(delay=delay)
        n_blocks = self._lanes.n_lanes // LANES
        self._transit = deepened(self._transit, self.step, int(delay.max(initial=0)) + 1, n_blocks)

    def _silenced(self, c: int, fields: Mapping[int, np.ndarray]) -> np.ndarray:
        """Neurons of a die that leak more through register 2 than their positive feedback can bring, (neuron,)."""
        if self.setting.second_leak is None:
            return np.zeros(self.mapped.n_neurons, bool)
        core, neuron = self.mapped.address.T
        return self.setting.second_leak[c, core, neuron] & (fields[at.I_TAU] > fields[at.FB_GAIN])

    def inject(self, on: bool) -> None:
        """Let the feedback receptors (NMDA, GABA_A) act on the somata, or only be sensed (an ablation)."""
        self._inject = 1.0 if on else 0.0

    def run(
        self,
        stimulus: EventList | Events | Sequence[float] | np.ndarray,
        duration: float,
        probes: Sequence[str] = (),
        *,
        probe_neurons: str | Sequence[int] | None = None,
        every: float | None = None,
        learn: np.ndarray | None = None,
        active: np.ndarray | None = None,
    ) -> xr.Dataset:
        """Run all dies and record every spike.

        Parameters
        ----------
        stimulus
            Rates of regular trains (source) or (run, source) [Hz], an :class:`EventList`, or ready events.
        duration
            [s], a whole number of steps.
        probes
            Quantities to sample, e.g. ``("V_mem", "I_ampa")``; all names in ``recording.PROBES``.
        probe_neurons
            Population or neuron indices to sample; all by default.
        every
            Sampling interval [s]; every step by default.
        learn
            Learn-enable line of each run.
        active
            Runs that take part; the others keep their state and their time.

        Returns
        -------
        xarray.Dataset
            ``spike_time``, ``spike_neuron``, ``spike_run`` over ``spike``; probes over (run, probe_neuron, time).

        Raises
        ------
        InputError
            If the duration, rates or events do not fit.
        UnknownNameError
            If a probe or population does not exist.
        RunError
            If a membrane leaves the range of numbers.
        """
        events = as_events(stimulus, self.n_runs, duration, self.dt, self.mapped.n_sources)
        neurons = chosen_neurons(self.mapped, probe_neurons) if probes else np.zeros(0, np.int64)
        fields = probe_fields(probes)
        stride = steps(every or self.dt, self.dt)
        index = np.concatenate(
            [self._lanes.base(neurons) + field * LANES for field in fields] or [np.zeros(0, np.int64)]
        )
        n_samples = steps(duration, self.dt) // stride
        values = np.zeros((self.n_runs, len(index), n_samples), self.state.dtype)
        window = self.advance(
            events,
            duration,
            record=True,
            learn=learn,
            active=active,
            probes=Probes(index, stride if len(index) else 0, values),
        )
        sampled = dict(zip(fields, np.split(values.astype(float), max(len(fields), 1), axis=1), strict=False))
        shown = {name: self._probe(name, sampled, neurons) for name in probes}
        time = (np.arange(n_samples) + 1) * stride * self.dt
        when = (window.step + window.fraction) * self.dt
        return build_dataset((window.run, when, window.neuron), shown, time, neurons, self.attributes())

    def _probe(self, name: str, sampled: dict[int, np.ndarray], neurons: np.ndarray) -> np.ndarray:
        circuit = self.mapped.device.circuit
        kelvin = np.stack([neuron_temperature(chip, self.mapped, self.points)[neurons] for chip in self.chips])
        return probe_values(
            name,
            sampled,
            lambda field: self._lanes.fields(self.state, field)[:, neurons].astype(float),
            circuit["I0"] * PA,
            self._floor[:, 0].astype(float),
            np.repeat(thermal_voltage(kelvin) / circuit["kappa"], len(self.noise_seeds), axis=0),
            self._inject,
        )

    def attributes(self) -> dict[str, object]:
        """Provenance of anything this emulator produces."""
        return {
            "device": self.mapped.device.name,
            "device_hash": self.mapped.device.hash,
            "mapping_hash": self.mapped.hash,
            "kernel_hash": kernel_hash(),
            "operating_points": [name for name in self.points],
            "chip_seeds": [chip.seed for chip in self.chips],
            "noise_seeds": list(self.noise_seeds),
            "temperature_K": self.chips[0].temperature,
            "age_s": self.chips[0].elapsed,
            "mismatch_model": self.chips[0].mismatch_model,
            "corner": self.chips[0].corner,
            "dt_s": self.dt,
        }
