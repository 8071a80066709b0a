"""What is done to the weights that dies hold: upload, keep, restore; program and read the cells of a weight store."""

from collections.abc import Mapping

import numpy as np

from chipemu.ledger import Ledger
from chipemu.mapping import MappedNetwork
from chipemu.plasticity import PlasticityRule
from chipemu.power import event_energy, hop_energy
from chipemu.units import PA
from chipemu.weight_memory import TrainedImage, WeightMemory


class StoredWeights:
    """Verbs of an emulator on the weights of its dies."""

    ledger: Ledger
    mapped: MappedNetwork
    n_runs: int
    _memory: WeightMemory

    def upload(self, weights: Mapping[str, np.ndarray], *, policy: str = "greedy", rng=None) -> None:
        """Write a weight image to every die; limits are checked again, and the ledger notes what changed.

        Parameters
        ----------
        weights : signed weights of every trained projection, (run, pair) or (pair,)
        policy : what happens when words run out, see :meth:`MappedNetwork.image`
        rng : for policy ``"uniform"``

        Raises
        ------
        CapacityError
            If the image does not fit and the policy is ``"error"``.
        """
        self.ledger += self._memory.write(weights, policy, rng)

    def weights(self) -> dict[str, np.ndarray]:
        """Signed weights that the dies hold now, by trained projection (run, pair)."""
        return self._memory.weights()

    def event_energy(self) -> np.ndarray:
        """What one event of each sender costs at the weights held now, (run, sender) [J]; NaN if nobody knows.

        Senders are the sources, then the neurons in order of the network; see :func:`chipemu.power.event_energy`.
        """
        mapped = self.mapped
        pulses = self._memory.pulses()
        if mapped.device.energy is None:
            return np.full(pulses.shape, np.nan)
        from_neuron = np.arange(pulses.shape[1]) >= mapped.n_sources
        outside = np.zeros(mapped.n_sources, np.int64)
        destinations = np.concatenate([outside, mapped.sram.n_words])
        energy = event_energy(mapped.device.energy, destinations, mapped.reach.count, pulses, from_neuron)
        if mapped.device.chip.n_chips == 1:
            return energy
        return energy + hop_energy(mapped.device, np.concatenate([outside, mapped.sram.n_hops]))

    def set_learning_rate(self, eta: float | Mapping[str, float]) -> None:
        """Scale the step probability of every plastic synapse (its design value is 1), or of those of projections."""
        self._memory.set_learning_rate(eta)

    def require_activity(self, name: str, current: float) -> None:
        """Let the plastic synapses of a projection step only where their neuron has spiked of late.

        Parameters
        ----------
        name : of the projection
        current : adaptation current above the floor that tells so [A]; below 0 they step always
        """
        self._memory.require_activity(name, current * PA)

    def set_rule(self, name: str, rule: PlasticityRule) -> None:
        """Let the plastic synapses of a projection learn by a rule.

        Parameters
        ----------
        name : of the projection
        rule : its table of terms; by itself a projection learns by the feedback current alone

        Raises
        ------
        InputError
            If the device does not offer a signal that the rule reads.
        """
        rule.check(self.mapped.device)
        self._memory.set_terms(name, rule.coefficients())

    def plastic_synapses(self, name: str) -> np.ndarray:
        """Plastic synapses of a projection as the kernel numbers them; see `chipemu.kernels.lesson`."""
        return self._memory.synapses(name)

    def store(self) -> TrainedImage:
        """Keep everything that training changed."""
        return self._memory.store()

    def restore(self, image: TrainedImage) -> None:
        """Put a stored image back, words in the slots they had; counted as an upload."""
        self.ledger += self._memory.restore(image)

    def program(self, weights: Mapping[str, np.ndarray] | None = None) -> None:
        """Write every cell of the weight store, with new weights or again with those held; an upload writes changes.

        What then happens to a weight has one order: it is a whole code (quantise), each cell is written with an error
        (programme), drifts with the time since then (:meth:`age`), and is read with noise by every event. See
        `chipemu.store`.

        Parameters
        ----------
        weights : signed weights of every trained projection, (run, pair) or (pair,); by default those held

        Examples
        --------
        >>> from chipemu import Emulator, Network, load_device, map_network, sample_chip
        >>> device, net = load_device("memristive"), Network("one")
        >>> source, cells = net.sources("in", 1), net.population("cells", 4, point="output")
        >>> _ = net.project_signed(source, cells, positive="ampa", negative="gaba_b", name="w", store="plastic")
        >>> die = sample_chip(device, seed=1, without=["read_noise"])
        >>> emulator = Emulator([die], map_network(net, device))
        >>> emulator.program({"w": [15, 15, -15, -15]})
        >>> emulator.age(86400.0)
        >>> emulator.weights()["w"].tolist(), bool((abs(emulator.read_weights()["w"]) < 12).all())
        ([[15, 15, -15, -15]], True)
        """
        weights = self.weights() if weights is None else weights
        self.ledger += self._memory.write({name: np.asarray(w) for name, w in weights.items()}, every_cell=True)

    def read_weights(self) -> dict[str, np.ndarray]:
        """Weight of every plastic synapse as an event of this moment sees it, (run, pair) in code steps: what
        programming, drift, compensation and read noise make of the code."""
        return self._memory.acting()

    def conductances(self) -> dict[str, np.ndarray]:
        """Conductances G+ and G- of every plastic synapse as an event of this moment finds them, (run, pair, 2) [S].

        Raises
        ------
        InputError
            If the device keeps its weights in no conductances.
        """
        return self._memory.conductances()

    def compensate(self, reference: Mapping[str, np.ndarray]) -> None:
        """Global drift compensation: one gain a die, mean |weight| of an earlier reading over that of now.

        Parameters
        ----------
        reference : what :meth:`read_weights` gave when the weights were fresh

        Raises
        ------
        InputError
            If the device keeps its weights in no conductances, or if a die's read as nothing.
        """
        self._memory.compensate(reference)
        self.ledger += Ledger(code_reads=np.ones(self.n_runs, np.int64), host_operations=np.ones(self.n_runs, np.int64))
