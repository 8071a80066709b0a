"""The training loop: present, decide, and let the feedback teach."""

from dataclasses import dataclass

import numpy as np

from chipemu.learning.evaluate import accuracy
from chipemu.learning.feedback import amount_of_control
from chipemu.learning.lesson import TEACH, attend
from chipemu.learning.rules import ChipLearner, HostLearner
from chipemu.learning.schedule import stage
from chipemu.learning.session import Session
from chipemu.ledger import Ledger
from chipemu.weight_memory import TrainedImage


@dataclass(frozen=True)
class Budget:
    """How much training sees.

    Attributes
    ----------
    presentations : training presentations of every run
    checkpoints : how often validation is measured and an image kept, evenly spaced
    validation : presentations of the validation split used at a checkpoint
    finalists : best checkpoints of each run that are measured again on the whole validation split
    average : last checkpoints whose mean weights compete with the finalists; 0 for none
    decay : (fraction of training, factor on the learning rate from there on), in order; before the first it is 1
    """

    presentations: int = 3000
    checkpoints: int = 60
    validation: int = 150
    finalists: int = 3
    average: int = 0
    decay: tuple[tuple[float, float], ...] = ()

    def eta_factor(self, progress: float) -> float:
        """Factor on the learning rate when a fraction of training is done."""
        return stage(self.decay, progress)


@dataclass(frozen=True, eq=False)
class Training:
    """What training left behind.

    Attributes
    ----------
    history : (run, checkpoint) validation accuracy, feedback off
    charge : (run, checkpoint) feedback charge of a training presentation since the checkpoint before [C]
    noise_charge : (run, checkpoint) what of it answered noise that feedback is learned from [C]
    control : (run, checkpoint) amount of control in the hidden layer in a presentation since then, see
        :func:`chipemu.learning.feedback.amount_of_control`; 0 without such a layer [C^2]
    seen : (checkpoint,) presentations before each checkpoint
    best : the image of each run's best checkpoint
    validation : (run,) its accuracy on the whole validation split, feedback off
    wrong : (run,) training presentations decided wrongly
    """

    history: np.ndarray
    charge: np.ndarray
    noise_charge: np.ndarray
    control: np.ndarray
    seen: np.ndarray
    best: TrainedImage
    validation: np.ndarray
    wrong: np.ndarray


class _Deck:
    """Each run's order of training presentations: permutations of the split, one after the other."""

    def __init__(self, session: Session, n: int):
        self._rng, self._n = session.rng, n
        self._order = [np.zeros(0, np.int64) for _ in session.rng]
        self._at = np.zeros(len(session.rng), np.int64)

    def deal(self, n: int) -> np.ndarray:
        """The next ``n`` of every run, (run, n)."""
        return np.array([[self.draw(run) for _ in range(n)] for run in range(len(self._at))])

    def draw(self, run: int) -> int:
        """The next of one run."""
        if self._at[run] == len(self._order[run]):
            self._order[run] = self._rng[run].permutation(self._n)
            self._at[run] = 0
        self._at[run] += 1
        return int(self._order[run][self._at[run] - 1])


@dataclass(frozen=True, eq=False)
class _Stretch:
    """What came of presentations, (run,) each: decided wrongly, hidden control [C^2], and answers to noise [C]."""

    wrong: np.ndarray
    control: np.ndarray
    noise_charge: np.ndarray


def train_stretch(session, learner, deck, rates, labels, n_presentations, tick=None) -> _Stretch:
    """Train every die for a number of presentations."""
    if isinstance(learner, HostLearner):
        wrong = _train_at_host(session, learner, deck, rates, labels, n_presentations, tick)
        return _Stretch(wrong, *np.zeros((2, session.n_runs)))
    order = deck.deal(n_presentations)
    asked = np.take_along_axis(labels, order, axis=1)
    attended = attend(session, rates, order, asked, TEACH)
    if tick:
        tick(n_presentations)
    learner.observe(attended.shaken)
    wrong = (attended.decision != asked).sum(1)
    return _Stretch(wrong, _hidden_control(session, attended.kept), _noise_charge(session, attended.shaken))


def _noise_charge(session: Session, shaken: np.ndarray) -> np.ndarray:
    """Feedback charge in noise windows, (run,) [C], of watched spikes (run, presentation, window, neuron)."""
    n = session.circuit.n_outputs
    controllers = shaken[..., : 2 * n].sum((1, 2), dtype=np.int64)
    return session.feedback_charge(controllers[:, :n].sum(1), controllers[:, n:].sum(1))


def _hidden_control(session: Session, fired: np.ndarray) -> np.ndarray:
    circuit, emulator = session.circuit, session.emulator
    if not circuit.has_hidden:
        return np.zeros(session.n_runs)
    charges, balance = session.feedback_charges(circuit.hidden.point), emulator.mapped.device.plastic.balance
    return amount_of_control(circuit, emulator.weights(), fired[..., : 2 * circuit.n_outputs], charges, balance)


def _train_at_host(session, learner, deck, rates, labels, n_presentations, tick=None) -> np.ndarray:
    """The same with weights rewritten by a host after a taught presentation.

    Runs proceed on their own: one that decides wrongly plays its controlled phase while another is already at its next
    presentation.
    """
    schedule, n = session.schedule, session.n_runs
    phases = rates.reshape(len(rates), -1, session.circuit.n_inputs)
    everyone = np.arange(n)
    left = np.full(n, n_presentations)
    current = np.array([deck.draw(run) for run in range(n)])
    teach = np.zeros(n, bool)
    wrong = np.zeros(n, np.int64)
    while np.any(left > 0):
        active = left > 0
        early, inputs, label = phases[current, 0], phases[current, -1], labels[everyone, current]
        targets = session.target_rates(label)
        session.play(early, targets, teach & active, schedule.settle, active=active)
        if schedule.delay:
            session.play(inputs, targets, teach & active, schedule.delay, active=active)
        window = learner.teach(inputs, targets, teach & active, active)
        free = active & ~teach
        counts = session.unit_counts(window)
        missed = free & (session.decide(counts, free) != label)
        wrong += missed
        session.emulator.ledger += Ledger(host_operations=free.astype(np.int64))
        unsure = free & (_lead(counts, label) < schedule.margin)
        teach_next = missed | unsure if schedule.gated else free
        done = active & ~teach_next
        session.rest(done)
        for run in np.flatnonzero(done):
            left[run] -= 1
            if left[run] > 0:
                current[run] = deck.draw(run)
        if tick:
            tick(n_presentations - int(left.max()))
        teach = teach_next
    return wrong


def _lead(counts: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Spikes by which the right unit leads the best other one, (run,)."""
    everyone = np.arange(len(counts))
    others = counts.copy()
    others[everyone, label] = -1
    return counts[everyone, label] - others.max(axis=1)


def train(session: Session, learner: ChipLearner | HostLearner, rates, labels, budget: Budget, tick=None) -> Training:
    """Train every die and keep each one's best checkpoint on validation.

    Parameters
    ----------
    session, learner
    rates : mapping of split to (presentation, input) or (presentation, phase, input) [Hz]
    labels : mapping of split to (run, presentation): what each die is taught
    budget
    tick : called as ``tick("train", done, total)`` in presentations of the slowest run, for progress
    """
    if budget.presentations == 0:
        return _as_it_is(session, learner, rates, labels)
    deck = _Deck(session, len(rates["train"]))
    stretch = max(1, budget.presentations // budget.checkpoints)
    x, y = rates["validation"][: budget.validation], labels["validation"][:, : budget.validation]
    history, charge, noise_charge, control = np.zeros((4, session.n_runs, budget.checkpoints))
    wrong = np.zeros(session.n_runs, np.int64)
    images = []
    for c in range(budget.checkpoints):
        ticked = _shifted(tick, c * stretch, budget.checkpoints * stretch)
        progress = c / budget.checkpoints
        learner.scale_eta(budget.eta_factor(progress))
        session.noise_every = stage(session.circuit.noise.rarer, progress)
        before = session.emulator.ledger.control_charge_C
        done = train_stretch(session, learner, deck, rates["train"], labels["train"], stretch, ticked)
        wrong += done.wrong
        control[:, c] = done.control
        charge[:, c] = (session.emulator.ledger.control_charge_C - before) / stretch
        noise_charge[:, c] = done.noise_charge / stretch
        history[:, c] = accuracy(session, x, y)
        images.append(learner.store())
        if isinstance(learner, ChipLearner):
            learner.rewrite_feedback(images[-1])
    candidates = _finalists(images, history, budget.finalists)
    if budget.average:
        candidates.append(learner.mean(images[-budget.average :]))
    best, validation = _choose(session, learner, candidates, rates, labels)
    seen = stretch * (1 + np.arange(budget.checkpoints))
    return Training(history, charge, noise_charge, control, seen, best, validation, wrong)


def _as_it_is(session, learner, rates, labels) -> Training:
    """What no training leaves behind: the weights that the dies hold."""
    validation = accuracy(session, rates["validation"], labels["validation"])
    nothing = np.zeros((session.n_runs, 0))
    return Training(
        nothing,
        nothing,
        nothing,
        nothing,
        np.zeros(0, np.int64),
        learner.store(),
        validation,
        np.zeros(session.n_runs, np.int64),
    )


def _shifted(tick, before: int, total: int):
    return (lambda done: tick("train", before + done, total)) if tick else None


def _finalists(images: list[TrainedImage], history: np.ndarray, n: int) -> list[TrainedImage]:
    """Images in which every run holds its best checkpoint, its second best, and so on."""
    finalists = []
    for checkpoint in np.argsort(-history, axis=1, kind="stable")[:, :n].T:
        candidate = images[0]
        for c, image in enumerate(images):
            candidate = candidate.where(checkpoint == c, image)
        finalists.append(candidate)
    return finalists


def _choose(session, learner, candidates, rates, labels) -> tuple[TrainedImage, np.ndarray]:
    """Each run's best image among the candidates, by the whole validation split; it is left on the die."""
    best, score = candidates[0], np.full(session.n_runs, -1.0)
    for candidate in candidates:
        learner.restore(candidate)
        reached = accuracy(session, rates["validation"], labels["validation"])
        best = best.where(reached > score, candidate)
        score = np.maximum(score, reached)
    learner.restore(best)
    return best, score
