"""What happens when within one presentation, and how long."""

from collections.abc import Sequence
from dataclasses import dataclass

from chipemu.errors import InputError

LONGEST_ANSWER = 10.0  # s, assumed: far beyond where counts still scatter


def stage(steps: Sequence[tuple[float, float]], progress: float) -> float:
    """What holds when a fraction of training is done.

    Parameters
    ----------
    steps : (fraction of training, what holds from there on), in order; before the first it is 1
    progress : fraction that is done

    Examples
    --------
    >>> [stage(((0.5, 0.1),), progress) for progress in (0.0, 0.5, 0.9)]
    [1, 0.1, 0.1]
    """
    return ([1] + [value for begin, value in steps if begin <= progress])[-1]


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
    answer : length for which a trained die is watched instead of ``decide``, at validation and test, and while
        hidden rates are equalised: a longer count scatters less, and takes more spikes, energy and time; 0 is as long
        as ``decide``

    Raises
    ------
    InputError
        If the answer takes longer than ``LONGEST_ANSWER``, or less than no time.
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
    answer: float = 0.0

    def __post_init__(self):
        if not 0 <= self.answer <= LONGEST_ANSWER:
            raise InputError(
                f"an answer is counted for {self.answer:g} s; allowed 0 (as long as in training) to "
                f"{LONGEST_ANSWER:g} s, e.g. 0.5 s"
            )

    @property
    def answered(self) -> float:
        """Length of the second part where nothing learns [s]."""
        return self.answer or self.decide

    @property
    def length(self) -> float:
        """Length of a presentation to a trained die, with the gap after it [s].

        Examples
        --------
        >>> round(Schedule(settle=0.1, delay=0.1, decide=0.2, gap=0.05).length, 6)
        0.45
        >>> round(Schedule(settle=0.1, decide=0.2, gap=0.05, answer=0.6).length, 6)
        0.75
        """
        return self.settle + self.delay + self.answered + self.gap
