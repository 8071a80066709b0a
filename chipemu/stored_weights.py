"""What is done to weights that dies keep in memristive pairs or on capacitors: program, let age, read, compensate."""

from collections.abc import Mapping

import numpy as np

from chipemu.ledger import Ledger
from chipemu.weight_memory import WeightMemory


class StoredWeights:
    """Verbs of an emulator on the weight store of its dies; on a store of plain codes time changes nothing."""

    ledger: Ledger
    n_runs: int
    _memory: WeightMemory

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
