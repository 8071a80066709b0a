"""The account of a run: what it cost in spikes, weight writes, uploads, host operations and chip time."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Ledger:
    """Costs counted where they arise; two ledgers add field by field.

    Every field is a number, or an array with one entry per run (dims chosen by the caller).

    Parameters
    ----------
    spikes : int
        Output spikes of all neurons on the chip.
    controller_spikes : int
        The part of them fired by controllers.
    control_charge_C : float
        Feedback charge of the outputs, in an open loop what controllers ask for [C].
    weight_writes : int
        CAM words or plastic codes whose value changed.
    cell_writes : int
        Times a memristive pair or a capacitor of a plastic synapse was written.
    uploads : int
        Times a weight image was sent to the chip.
    host_operations : int
        Updates and decisions made outside the chip.
    clipped_words : int
        CAM words that were asked for and did not fit.
    calibration_trials : int
        Trials run to calibrate the die.
    code_reads, code_restores : int
        Plastic code images read by the host, and written back.
    moved_neurons : int
        Neurons of the network that were moved off bad ones of the die.
    silenced_neurons : int
        Neurons silenced by the second leak register.
    noise_events : int
        Events sent to hidden neurons so that their feedback can be learned.
    chip_time_s : float
        Time the chip ran [s].

    Examples
    --------
    >>> day = Ledger(uploads=1, chip_time_s=0.2) + Ledger(spikes=40, chip_time_s=0.5)
    >>> day.spikes, day.uploads, day.chip_time_s
    (40, 1, 0.7)
    """

    spikes: int = 0
    controller_spikes: int = 0
    control_charge_C: float = 0.0
    weight_writes: int = 0
    cell_writes: int = 0
    uploads: int = 0
    host_operations: int = 0
    clipped_words: int = 0
    calibration_trials: int = 0
    code_reads: int = 0
    code_restores: int = 0
    moved_neurons: int = 0
    silenced_neurons: int = 0
    noise_events: int = 0
    chip_time_s: float = 0.0

    def __add__(self, other):
        if not isinstance(other, Ledger):
            return NotImplemented
        return Ledger(**{name: value + getattr(other, name) for name, value in self.as_dict().items()})

    def as_dict(self) -> dict:
        """Field name to number or array, in the order of declaration."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
