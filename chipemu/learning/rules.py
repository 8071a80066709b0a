"""Where the update happens: in plastic synapses on the chip, or at a host that rewrites CAM words.

Both follow Haag et al. 2026 (arXiv 2603.24113): w <- w + eta I_fb at every presynaptic spike, while the learn-enable
line is high.  The sign comes from the feedback current alone, the credit from presynaptic timing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chipemu.errors import InputError
from chipemu.kernels.die import Events
from chipemu.kernels.traces import feedback_products
from chipemu.learning.circuit import TRAINED
from chipemu.learning.feedback import following_feedback, host_feedback
from chipemu.learning.hidden import HIDDEN, feedback_words
from chipemu.learning.learned_feedback import LearnedFeedback
from chipemu.learning.session import Session
from chipemu.ledger import Ledger
from chipemu.parameters import nominal_charge, nominal_decay
from chipemu.plasticity import FEEDBACK_RULE, NO_RULES, PlasticityRule
from chipemu.recording import Window
from chipemu.weight_memory import TrainedImage

WEIGHTS = ("independent", "tied")
ROUNDINGS = ("independent", "balanced")
SAMPLE = 1e-3  # s, time for which an input spike samples the estimated feedback current


@dataclass(frozen=True)
class HostRule:
    """Numbers of the host's update.

    Attributes
    ----------
    eta : CAM words for each pC of estimated feedback charge, which every input spike samples for 1 ms; where words have
        masks, units of base current 0, here and below
    forget : fraction of the shadow weight lost at each update; removes directions the error cannot see
    weights : ``"independent"`` for every output neuron, or ``"tied"`` within a unit (one shadow, rounded ten times)
    rounding : ``"independent"`` for every weight, or ``"balanced"`` within a unit, see :func:`round_units`
    policy : what happens when the 64 words run out, see ``MappedNetwork.image``
    limit : most words of one source of either sign; None is as many as a neuron has
    upload : time the chip runs on while the image is rewritten [s]; Zendrikov 2024 measured 0.1 to 0.2 s
    hidden : learning rate of a hidden layer beside that of the outputs
    """

    eta: float = 0.15
    forget: float = 0.002
    weights: str = "independent"
    rounding: str = "independent"
    policy: str = "greedy"
    limit: int | None = None
    upload: float = 0.1
    hidden: float = 0.0


def round_units(weights: np.ndarray, n_per_unit: int, rng: np.random.Generator) -> np.ndarray:
    """Round every weight up or down at random, so that the sum over a unit's neurons is off by less than one word.

    Systematic sampling (Madow 1949) along the neurons of a unit in random order: each weight is rounded up with the
    probability of its fraction, as in independent stochastic rounding, but the roundings of a unit balance.

    Parameters
    ----------
    weights : (output neuron, input), neurons of a unit side by side
    n_per_unit : neurons of a unit
    rng : draws one order and one offset for each unit and input

    Examples
    --------
    >>> tenth = round_units(np.full((10, 1), 0.3), 10, np.random.default_rng(0))
    >>> sorted(tenth.ravel().tolist())
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    """
    order = rng.permutation(n_per_unit)
    units = weights.reshape(-1, n_per_unit, weights.shape[1])
    offset = rng.random((len(units), 1, weights.shape[1]))
    reached = np.floor(np.cumsum(units[:, order], axis=1) + offset)
    rounded = np.empty_like(units)
    rounded[:, order] = np.diff(reached, axis=1, prepend=0.0)
    return rounded.reshape(weights.shape)


def round_trains(weights: np.ndarray, n_trains: int) -> np.ndarray:
    """Round to whole words; of a source that several trains carry, so that their sum is off by at most half a word.

    Steps of less than half a word of a train are not lost: the trains of a source are rounded one after the other.
    Nothing is drawn, so that what does not learn stays as it is.

    Parameters
    ----------
    weights : (..., train), trains of a source side by side
    n_trains : trains of a source

    Examples
    --------
    >>> round_trains(np.full(4, 1.3), 4).tolist(), round_trains(np.full(4, 1.3), 1).tolist()
    ([1.0, 1.0, 1.0, 2.0], [1.0, 1.0, 1.0, 1.0])
    """
    place = np.arange(weights.shape[-1]) % n_trains
    return np.rint(weights + ((place + 0.5) / n_trains - 0.5))


class ChipLearner:
    """Plastic synapses learn by themselves; the host only raises the line.

    Parameters
    ----------
    session
    eta : learning rate of every trained projection, or of each by name
    rules : how each learns; one that is not named follows the feedback current
    """

    def __init__(
        self, session: Session, eta: float | Mapping[str, float], rules: Mapping[str, PlasticityRule] = NO_RULES
    ):
        names = [p.name for p in session.circuit.trained]
        for name in names:
            session.emulator.set_rule(name, rules.get(name, FEEDBACK_RULE))
        self._eta = eta if isinstance(eta, Mapping) else dict.fromkeys(names, eta)
        self.session = session
        circuit = session.circuit
        self._learned = LearnedFeedback(circuit.hidden, session.n_runs, circuit.n_units) if circuit.disturbed else None
        self.scale_eta(1.0)

    def scale_eta(self, factor: float) -> None:
        """Learn at this factor of the learning rate from now on."""
        self.session.emulator.set_learning_rate({name: eta * factor for name, eta in self._eta.items()})

    def store(self) -> TrainedImage:
        """Read the codes out of the synapses: a host operation."""
        emulator = self.session.emulator
        emulator.ledger += Ledger(code_reads=np.ones(emulator.n_runs, np.int64))
        return emulator.store()

    def observe(self, shaken: np.ndarray) -> None:
        """Take in spikes (run, presentation, noise window, watched neuron), if feedback is learned of them."""
        if self._learned is not None:
            self._learned.observe(*self.session.hidden_and_net(shaken))

    def rewrite_feedback(self, image: TrainedImage) -> None:
        """Rewrite the feedback of a hidden layer, after codes that were read out, or after what noise has told.

        A host operation and an upload; fixed feedback stays as it is.
        """
        circuit, emulator = self.session.circuit, self.session.emulator
        if not circuit.has_hidden or circuit.hidden.feedback == "fixed":
            return
        if self._learned is not None:
            words = feedback_words(circuit, self._learned.feedback())
        else:
            words = following_feedback(circuit, image.weights)
        emulator.ledger += Ledger(host_operations=np.ones(emulator.n_runs, np.int64))
        emulator.upload({**image.weights, **words})

    def mean(self, images: Sequence[TrainedImage]) -> TrainedImage:
        """The mean of codes that were read out, rounded to whole ones."""
        names = images[-1].weights
        mean = {name: np.mean([image.weights[name] for image in images], axis=0) for name in names}
        return TrainedImage({name: np.rint(codes).astype(np.int64) for name, codes in mean.items()}, images[-1].slots)

    def restore(self, image: TrainedImage) -> None:
        """Write codes back."""
        emulator = self.session.emulator
        emulator.ledger += Ledger(code_restores=np.ones(emulator.n_runs, np.int64))
        emulator.restore(image)


class HostLearner:
    """A float shadow at the host, stochastic rounding, one upload after a taught presentation.

    Reads spikes and design values only: the feedback current is estimated from controller spikes.  What controllers
    would bring to a hidden neuron that they do not reach is the mean over each unit, by the feedback that follows the
    shadow; hidden weights are rounded without chance, so that features stay the same between updates.

    Parameters
    ----------
    session, rule
    shuffle : whether hidden neurons' feedback gets a random sign at every update (an ablation)

    Attributes
    ----------
    shadow : weights (run, receiver, sender) by trained projection
    """

    def __init__(self, session: Session, rule: HostRule, shuffle: bool = False):
        if rule.weights not in WEIGHTS:
            raise InputError(f"weights are '{rule.weights}'; allowed {' or '.join(WEIGHTS)}")
        if rule.rounding not in ROUNDINGS:
            raise InputError(f"rounding is '{rule.rounding}'; allowed {' or '.join(ROUNDINGS)}")
        self.session, self.rule = session, rule
        emulator, circuit = session.emulator, session.circuit
        device, point = emulator.mapped.device, emulator.points[circuit.output_point]
        self._tau = np.array([nominal_decay(device, point, r) for r in ("nmda", "gaba_a")]) / emulator.dt
        # charge that one input spike sees right after one controller spike: initial current times the sampling time
        jump = nominal_charge(device, point, "nmda") / nominal_decay(device, point, "nmda")
        self._sampled = jump * SAMPLE * 1e12
        held = emulator.weights()
        self.shadow = {p.name: circuit.weight_table(held[p.name], p.name).astype(float) for p in circuit.trained}
        self._connected = {p.name: circuit.connected(p.name) for p in circuit.trained}
        self._shuffle = shuffle
        self._eta = rule.eta

    def scale_eta(self, factor: float) -> None:
        """Learn at this factor of the learning rate from now on."""
        self._eta = self.rule.eta * factor

    def teach(self, inputs: np.ndarray, targets: np.ndarray, teach: np.ndarray, active: np.ndarray) -> Window:
        """The second part of a window: count, then update and upload for the dies in ``teach``."""
        session = self.session
        window, events = session.play(
            inputs, targets, teach, session.schedule.decide, active=active, record=bool(teach.any())
        )
        if teach.any():
            self._update(self._products(window, events), teach)
        return window

    def _products(self, window: Window, events: Events) -> dict[str, np.ndarray]:
        """What a synapse would have seen between any two neurons, (run, receiver, sender) by projection [pC]."""
        session, circuit = self.session, self.session.circuit
        controllers = _spikes_of(window, session.controllers)
        by_input = self._seen_by(events, circuit.n_inputs, controllers)
        if not circuit.has_hidden:
            return {TRAINED: by_input}
        hidden = np.arange(session.emulator.mapped.n_neurons)[session.emulator.mapped.neuron_slice("hidden")]
        return {
            TRAINED: self._seen_by(_spikes_of(window, hidden), len(hidden), controllers),
            HIDDEN: self._hidden_products(by_input) * (window.count[:, hidden] > 0)[:, :, None],
        }

    def _seen_by(self, events: Events, n_senders: int, controllers: Events) -> np.ndarray:
        """Feedback of each output neuron at the spikes of each sender, (run, output neuron, sender)."""
        n = self.session.circuit.n_outputs
        sign = np.where(controllers.source < n, 1.0, -1.0)  # positive controllers come first
        out = np.zeros((self.session.n_runs, n, n_senders))
        feedback_products(
            events.offset, events.step, events.source, n_senders,
            controllers.offset, controllers.step, controllers.source % n, sign, self._tau, out,
        )  # fmt: skip
        return out * self._sampled

    def _hidden_products(self, by_input: np.ndarray) -> np.ndarray:
        circuit = self.session.circuit
        weights = {TRAINED: circuit.flat_weights(self.shadow[TRAINED])}
        q = host_feedback(circuit, weights).astype(float)
        if self._shuffle:
            q *= np.stack([rng.choice([-1.0, 1.0], q.shape[1]) for rng in self.session.rng])[:, :, None]
        return q @ by_input.reshape(len(q), circuit.n_units, circuit.n_per_unit, -1).mean(2)

    def _update(self, products: dict[str, np.ndarray], teach: np.ndarray) -> None:
        rule, session = self.rule, self.session
        limit = rule.limit or session.emulator.mapped.device.chip.n_cam_words
        if rule.weights == "tied":
            k, seen = session.circuit.n_per_unit, products[TRAINED]
            mean = seen.reshape(len(seen), -1, k, seen.shape[2]).mean(2)
            products[TRAINED] = np.repeat(mean, k, axis=1)
        for name, shadow in self.shadow.items():
            forget, share = (rule.forget, 1.0) if name == TRAINED else (0.0, rule.hidden)
            step = self._eta * share * products[name][teach] * self._connected[name]
            shadow[teach] = (1 - forget) * shadow[teach] + step
            np.clip(shadow, -limit, limit, out=shadow)
        self.upload(teach)

    def upload(self, taught: np.ndarray) -> None:
        """Round to whole words and rewrite the dies in ``taught``; the chip runs on meanwhile."""
        session = self.session
        emulator = session.emulator
        held = emulator.weights()
        weights = {name: held[name].astype(float) for name in self.shadow}
        for run in np.flatnonzero(taught):
            for name, shadow in self.shadow.items():
                table = shadow[run]
                if emulator.mapped.device.weights != "float":
                    table = self._round(table, session.rng[run], name)
                weights[name][run] = session.circuit.flat_weights(table, name)
        emulator.upload(weights, policy=self.rule.policy)
        emulator.ledger += Ledger(host_operations=taught.astype(np.int64))
        silent = np.zeros((session.n_runs, session.circuit.n_inputs))
        session.play(silent, None, np.zeros(session.n_runs, bool), self.rule.upload, active=taught)

    def _round(self, table: np.ndarray, rng: np.random.Generator, name: str) -> np.ndarray:
        circuit = self.session.circuit
        if name != TRAINED:
            return round_trains(table, circuit.n_trains)
        if self.rule.rounding == "balanced":
            return round_units(table, circuit.n_per_unit, rng)
        return np.floor(table + rng.random(table.shape))

    def store(self) -> TrainedImage:
        """The image on the chip; the host knows it."""
        return self.session.emulator.store()

    def mean(self, images: Sequence[TrainedImage]) -> TrainedImage:
        """The mean of images, rounded to words as after an update and uploaded."""
        mean = {name: np.mean([image.weights[name] for image in images], axis=0) for name in self.shadow}
        self._take(mean)
        self.upload(np.ones(self.session.n_runs, bool))
        return self.store()

    def restore(self, image: TrainedImage) -> None:
        """Upload a stored image and learn on from it."""
        self.session.emulator.restore(image)
        self._take(image.weights)

    def _take(self, weights: Mapping[str, np.ndarray]) -> None:
        circuit = self.session.circuit
        self.shadow = {name: circuit.weight_table(np.asarray(weights[name], float), name) for name in self.shadow}


def _spikes_of(window: Window, neurons: np.ndarray) -> Events:
    """Spikes of some neurons as events of as many sources, in their order."""
    n_runs, n_neurons = window.count.shape
    place = np.full(n_neurons, -1)
    place[neurons] = np.arange(len(neurons))
    source = place[window.neuron]
    kept = source >= 0
    offset = np.concatenate([[0], np.cumsum(np.bincount(window.run[kept], minlength=n_runs))])
    return Events(offset, window.step[kept], source[kept])
