"""Presentations on running dies: the host plays spike trains into every die at once and counts what comes out."""

import numpy as np

from chipemu.emulator import Emulator
from chipemu.kernels.die import Events
from chipemu.learning.circuit import Circuit
from chipemu.learning.schedule import Schedule
from chipemu.ledger import Ledger
from chipemu.recording import Window
from chipemu.stimulus import regular


class Session:
    """Dies with the control circuit, driven presentation by presentation.

    Every run draws the phases of its spike trains from its own generator, so that it does not depend on its neighbours.

    Parameters
    ----------
    emulator, circuit, schedule
    seeds : one numpy SeedSequence for each run

    Attributes
    ----------
    rng : generator of each run, for windows played one by one and for what a host draws
    key : (run, 2) seeds of what is drawn in lessons
    window : (run,) windows that a run has played in lessons
    shuffled : plastic synapses whose neurons' feedback gets a random sign at every taught pass (an ablation)
    watched : neurons whose spikes a lesson keeps for every presentation
    noise_every : of how many taught presentations of a lesson one ends in noise windows, the first among them
    """

    def __init__(self, emulator: Emulator, circuit: Circuit, schedule: Schedule, seeds):
        self.emulator, self.circuit, self.schedule = emulator, circuit, schedule
        self.rng = [np.random.Generator(np.random.Philox(seed)) for seed in seeds]
        self.key = np.stack([seed.generate_state(2) for seed in seeds]).astype(np.uint64)
        self.window = np.zeros(emulator.n_runs, np.int64)
        self.shuffled = self.watched = np.zeros(0, np.int64)
        self.noise_every = 1
        mapped = emulator.mapped
        self._outputs = mapped.neuron_slice("outputs")
        self._controllers = [mapped.neuron_slice("positive"), mapped.neuron_slice("negative")]
        self._charge_of_word = self.feedback_charges(circuit.output_point)

    def feedback_charges(self, point: str) -> list[float]:
        """Charge of one word of positive and of negative feedback at an operating point, by design values [C]."""
        return [self.emulator.nominal_charge(point, receptor) for receptor in ("nmda", "gaba_a")]

    @property
    def controllers(self) -> np.ndarray:
        """Neurons that control the outputs: the positive ones, then the negative ones."""
        return np.concatenate([np.arange(part.start, part.stop) for part in self._controllers])

    def watch_feedback(self) -> None:
        """Keep the spikes of the controllers, and of hidden neurons where feedback is learned of both."""
        self.watched = self.controllers
        if self.circuit.disturbed:
            part = self.emulator.mapped.neuron_slice("hidden")
            self.watched = np.concatenate([self.watched, np.arange(part.start, part.stop)])

    def hidden_and_net(self, spikes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Spikes of hidden neurons, (..., neuron), and of positive less negative controllers, (..., unit).

        Parameters
        ----------
        spikes : (..., watched neuron), see :meth:`watch_feedback`
        """
        n, units = self.circuit.n_outputs, (self.circuit.n_units, self.circuit.n_per_unit)
        net = spikes[..., :n].astype(np.int64) - spikes[..., n : 2 * n]
        return spikes[..., 2 * n :], net.reshape(*net.shape[:-1], *units).sum(-1)

    @property
    def n_runs(self) -> int:
        """Number of dies times noise seeds."""
        return self.emulator.n_runs

    def play(
        self,
        inputs: np.ndarray,
        targets: np.ndarray | None,
        control: np.ndarray,
        duration: float,
        *,
        active: np.ndarray,
        learn: np.ndarray | None = None,
        record: bool = False,
    ):
        """Play one stretch of a presentation.

        Parameters
        ----------
        inputs : (run, input) rates [Hz]
        targets : (run, unit) target rates [Hz], played only where ``control`` is set
        control : (run,) bool, feedback on; elsewhere the gate source holds the controllers silent
        duration : [s]
        active : (run,) bool, dies that run
        learn : (run,) bool, learn-enable line

        Returns
        -------
        (Window, Events)
        """
        k = self.circuit.n_per_unit
        rates = np.zeros((self.n_runs, self.emulator.mapped.n_sources))
        n_in, gate = self.circuit.n_inputs, self.circuit.gate
        rates[:, :n_in] = inputs
        if targets is not None:
            rates[:, n_in:gate] = np.repeat(targets * control[:, None], k, axis=1)
        rates[:, gate] = np.where(control, 0.0, self.schedule.gate_rate)
        rates[~active] = 0.0
        events = regular(rates, duration, self.emulator.dt, self._phases(rates, active))
        window = self.emulator.advance(events, duration, record=record, learn=learn, active=active)
        self.account(window.count)
        return window, events

    def _phases(self, rates: np.ndarray, active: np.ndarray) -> np.ndarray:
        # inputs start anywhere in their interval; the ten trains of a target are spread evenly, so that they interleave
        n_in, k = self.circuit.n_inputs, self.circuit.n_per_unit
        phase = np.zeros_like(rates)
        spread = np.arange(k) / k
        for run in np.flatnonzero(active):
            drawn = self.rng[run].random(n_in + self.circuit.n_units)
            phase[run, :n_in] = drawn[:n_in]
            phase[run, n_in : self.circuit.gate] = ((drawn[n_in:, None] + spread) % 1.0).reshape(-1)
        return phase

    def account(self, count: np.ndarray) -> None:
        """Enter what the controllers did into the ledger, of spikes by (run, neuron)."""
        positive, negative = (count[:, part].sum(1, dtype=np.int64) for part in self._controllers)
        charge = self.feedback_charge(positive, negative)
        self.emulator.ledger += Ledger(controller_spikes=positive + negative, control_charge_C=charge)

    def feedback_charge(self, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
        """Charge that spikes of positive and of negative controllers bring to the outputs, by design values [C]."""
        return positive * self._charge_of_word[0] + negative * self._charge_of_word[1]

    def unit_counts(self, window: Window) -> np.ndarray:
        """Output spikes of every unit, (run, unit)."""
        count = window.count[:, self._outputs]
        return count.reshape(self.n_runs, self.circuit.n_units, self.circuit.n_per_unit).sum(2)

    def decide(self, counts: np.ndarray, active: np.ndarray) -> np.ndarray:
        """Class with most spikes, (run,); ties are broken at random by each run's generator."""
        decision = np.zeros(self.n_runs, np.int64)
        for run in np.flatnonzero(active):
            best = np.flatnonzero(counts[run] == counts[run].max())
            decision[run] = best[0] if len(best) == 1 else self.rng[run].choice(best)
        return decision

    def rest(self, active: np.ndarray) -> tuple[Window, Events]:
        """The silent gap between presentations."""
        silent = np.zeros((self.n_runs, self.circuit.n_inputs))
        return self.play(silent, None, np.zeros(self.n_runs, bool), self.schedule.gap, active=active)

    def target_rates(self, labels: np.ndarray) -> np.ndarray:
        """Rates asked of the units when ``labels`` (run,) are right, (run, unit) [Hz]."""
        rates = np.full((self.n_runs, self.circuit.n_units), self.schedule.other_rate)
        rates[np.arange(self.n_runs), labels] = self.schedule.target_rate
        return rates
