"""What happens when within one presentation, and how long."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Phases of a presentation, all lengths in seconds.

    The free phase decides with the feedback off; the controlled phase follows where the schedule asks for it, on the
    same input, with the feedback on; its second part raises the learn-enable line.  A silent gap ends every
    presentation: the state of the chip is never reset.

    Attributes
    ----------
    settle : first part of either phase, in which nothing is counted or learned
    decide : second part: output spikes are counted (free phase), or synapses learn (controlled phase)
    delay : between both, with the input of the second part; nothing is counted or learned
    gap : silence between presentations
    gated : True raises the learn-enable line only after a wrong decision; False always
    learn_throughout : whether synapses learn in all of a controlled pass and not in its last part alone
    margin : with ``gated``, a right decision counts as wrong if the right unit leads by fewer spikes than this
    target_rate : rate asked of the unit of the right class [Hz]
    other_rate : rate asked of the other units [Hz]
    gate_rate : rate of the source that silences the controllers [Hz]
    """

    settle: float = 0.08
    decide: float = 0.15
    gap: float = 0.03
    delay: float = 0.0
    gated: bool = True
    learn_throughout: bool = False
    margin: int = 0
    target_rate: float = 40.0
    other_rate: float = 0.0
    gate_rate: float = 200.0

    @property
    def length(self) -> float:
        """Length of a presentation of one pass, with the gap after it [s].

        Examples
        --------
        >>> round(Schedule(settle=0.1, delay=0.1, decide=0.2, gap=0.05).length, 6)
        0.45
        """
        return self.settle + self.delay + self.decide + self.gap
