"""The set-up on the laboratory bench: every neuron in its own slot, with spike generators on its receptors."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from chipemu.chip import Chip
from chipemu.emulator import DEFAULT_DT, Emulator
from chipemu.kernels.die import Events
from chipemu.mapping import MappedNetwork, map_network
from chipemu.mapping.placement import Placement
from chipemu.network import RECEPTORS, Network
from chipemu.parameters import BiasSetting
from chipemu.stimulus import regular

N_SOURCES = 8  # generators of a receptor; one CAM word each, so that many small pulses make a nearly constant current
SETTLE = 0.1  # s, played before counting: several of the longest time constants
WINDOW = 0.4  # s, in which spikes are counted


def used_receptors(mapped: MappedNetwork) -> dict[str, tuple[str, ...]]:
    """Receptors that the neurons of each operating point receive anything on."""
    core = mapped.address[mapped.edges.post, 0]
    used = {}
    for point in dict.fromkeys(p for p in mapped.core_point if p is not None):
        here = np.isin(core, [c for c, p in enumerate(mapped.core_point) if p == point])
        used[point] = tuple(RECEPTORS[r] for r in np.unique(mapped.edges.receptor[here]))
    return used


class Bench:
    """Dies with a test network on the slots of the network they will run.

    Neurons do not reach one another here, so all cores are measured in one trial.

    Parameters
    ----------
    chips : dies to measure
    mapped : the test network, see :func:`wire_bench`
    points : operating points by name
    seed : of temporal noise
    setting : biases to begin with; by default as the operating points ask
    """

    def __init__(self, chips: Sequence[Chip], mapped: MappedNetwork, points: Mapping, *, seed: int = 0, setting=None):
        self.mapped = mapped
        self.emulator = Emulator(chips, mapped, noise_seeds=(seed,), points=points, setting=setting)
        n = np.bincount(mapped.address[:, 0], minlength=mapped.device.chip.n_cores)
        self._n_per_core = np.tile(np.maximum(n, 1), (self.emulator.n_runs, 1))
        self._fired = np.zeros((self.emulator.n_runs, mapped.n_neurons), bool)

    def measure(
        self,
        drives: Sequence[Mapping[str, Mapping[str, float]]],
        *,
        window: float = WINDOW,
        active: np.ndarray | None = None,
    ) -> np.ndarray:
        """Play one trial on every die.

        Parameters
        ----------
        drives : for every die (or one for all): operating point -> receptor -> events on it [1/s]
        window : counted after the settling time [s]
        active : (chip,) bool, dies that take part

        Returns
        -------
        (chip, core) mean rate of the core's neurons [Hz], without those left out; NaN for cores without neurons
        """
        mean = self._by_core(self.counts(drives, window=window, active=active)) / self._n_per_core / window
        mean[:, [p is None for p in self.mapped.core_point]] = np.nan
        return mean

    def counts(self, drives, *, window: float = WINDOW, active: np.ndarray | None = None) -> np.ndarray:
        """Spikes in the window of the same trial, (chip, neuron)."""
        emulator = self.emulator
        for duration in (SETTLE, window):
            count = emulator.advance(self.events(drives, duration, active), duration, active=active).count
        self._fired |= count > 0
        return count

    def events(self, drives, duration: float, active: np.ndarray | None = None) -> Events:
        """Input of one trial: regular trains, spread evenly over the generators of a receptor."""
        n = self.emulator.n_runs
        rates = np.zeros((n, self.mapped.n_sources))
        phase = np.zeros_like(rates)
        for group in self.mapped.network.source_groups:
            point, _, receptor = group.name.rpartition(" ")
            part = self.mapped.source_slice(group)
            asked = [drive.get(point, {}).get(receptor, 0.0) for drive in drives]
            rates[:, part] = np.broadcast_to(asked, (n,))[:, None] / group.n
            phase[:, part] = np.arange(group.n) / group.n
        if active is not None:
            rates[~active] = 0.0
        return regular(rates, duration, DEFAULT_DT, phase)

    def _by_core(self, values: np.ndarray) -> np.ndarray:
        core = self.mapped.address[:, 0]
        return np.stack([np.bincount(core, row, self._n_per_core.shape[1]) for row in values])

    def leave_out_silent(self, dies: np.ndarray) -> np.ndarray:
        """Take means of some dies (chip,) over the neurons that have fired so far, on cores where most of them have.

        A dead neuron would pull the mean of its core down, and its living neighbours would be tuned up for it.

        Returns
        -------
        (chip, core) factor by which means of earlier trials rise, because the neurons left out gave them no spike
        """
        before, fired = self._n_per_core, self._by_core(self._fired)
        self._n_per_core = np.where(dies[:, None] & (2 * fired > before), fired, before)
        return before / self._n_per_core

    def set_biases(self, setting: BiasSetting) -> None:
        """Tell the bias generators of every die."""
        with warnings.catch_warnings():
            # a trial may pass through time constants too short for the step; the emulator that keeps them will say so
            warnings.simplefilter("ignore", UserWarning)
            self.emulator.set_biases(setting)


def wire_bench(mapped: MappedNetwork, used: Mapping[str, Sequence[str]], *, single: bool = False) -> MappedNetwork:
    """Spike generators on the receptors that are used, and the same populations on the same slots.

    Parameters
    ----------
    mapped : network that will run
    used : receptors of each operating point
    single : one neuron an operating point instead, enough for a nominal chip, whose neurons are all alike
    """
    network = Network("calibration")
    if single:
        populations = [network.population(point, 1, point=point) for point in used]
    else:
        populations = [network.population(p.name, p.n, point=p.point) for p in mapped.network.populations]
    for point, receptors in used.items():
        n = max(1, min(N_SOURCES, mapped.device.chip.n_cam_words // max(len(receptors), 1)))
        for receptor in receptors:
            sources = network.sources(f"{point} {receptor}", n)
            for population in populations:
                if population.point == point:
                    network.project(sources, population, receptor=receptor)
    if single:
        return map_network(network, mapped.device)
    return MappedNetwork(network, mapped.device, Placement(mapped.address, mapped.core_point))
