"""How dies run on: one compiled call for all of them, with events from outside or with a lesson."""

from functools import partial

import numpy as np

from chipemu.chip import Chip
from chipemu.crew import n_threads, share, side_by_side
from chipemu.division import Division, Member, add_writes, n_parts, undivided
from chipemu.errors import RunError
from chipemu.kernels import layout as at
from chipemu.kernels.die import Clock, Events, Probes, Spikes, room
from chipemu.kernels.layout import LANES
from chipemu.kernels.lesson import DECIDE, Lesson
from chipemu.kernels.run import run_dies
from chipemu.ledger import Ledger
from chipemu.mapping import MappedNetwork
from chipemu.power import warn_if_busy
from chipemu.recording import Window
from chipemu.stimulus import check_events, steps
from chipemu.units import show
from chipemu.weight_memory import WeightMemory
from chipemu.wiring import Lanes


class Running:
    """Verbs of an emulator that let time pass on its dies."""

    chips: tuple[Chip, ...]
    noise_seeds: tuple[int, ...]
    mapped: MappedNetwork
    n_runs: int
    dt: float
    step: np.ndarray
    state: np.ndarray
    ledger: Ledger
    _lanes: Lanes
    _memory: WeightMemory
    _inject: float
    _divisions: dict[int, Division]
    _nothing: Lesson
    _silence: Events

    def advance(
        self,
        events: Events,
        duration: float,
        *,
        record: bool = False,
        learn: np.ndarray | None = None,
        active: np.ndarray | None = None,
        probes: Probes | None = None,
    ) -> Window:
        """Let every die run on for a while.

        Parameters
        ----------
        events : input spikes of every run
        duration : [s]
        record : keep spike times; counts are always kept
        learn : (run,) bool, the learn-enable line of plastic synapses; low by default
        active : (run,) bool, dies that run; the others keep their state and their time
        """
        active = np.ones(self.n_runs, bool) if active is None else np.asarray(active, bool)
        n_steps = steps(duration, self.dt)
        check_events(events, self.n_runs, self.mapped.n_sources, n_steps)
        spikes = self._room(n_steps if record else 0)
        self._memory.plastic.learn[:] = 0 if learn is None else learn
        self._call(
            Clock(self.step, active, n_steps, self._noisy(), self._inject), events, spikes, probes, self._nothing
        )
        self.step += n_steps * active
        self._check_state()
        self._warn_if_busy(self._sent(events), spikes.count, duration)
        return self._window(spikes, duration * active)

    def attend(self, lesson: Lesson, *, record: bool = False) -> None:
        """Let every die attend a lesson, whose results stand in it afterwards; see `chipemu.learning.lesson`.

        Parameters
        ----------
        lesson : as for this emulator's runs
        record : keep spike times while a window decides, which latencies are taken from
        """
        spikes = self._room(int(lesson.steps[DECIDE]) if record else 0)
        clock = Clock(self.step, np.ones(self.n_runs, bool), 0, self._noisy(), self._inject)
        self._call(clock, self._silence, spikes, None, lesson)
        self.step += lesson.played
        self._check_state()
        self._warn_if_busy(lesson.sent, lesson.count, float(lesson.played.max()) * self.dt)
        self._account(lesson.count[:, self._lanes.lane], lesson.played * self.dt)

    def _noisy(self) -> bool:
        return any(chip.applied.on("thermal_noise") or chip.applied.on("input_noise") for chip in self.chips)

    def _room(self, n_steps: int) -> Spikes:
        """Room for the spikes of so many steps."""
        # a neuron cannot spike more often than its dead time allows
        t_ref = float(self._lanes.fields(self.state, at.T_REF).min(initial=1e9)) if n_steps else 1.0
        capacity = int(self._lanes.n_lanes * (n_steps / max(t_ref, 1.0) + 2)) if n_steps else 0
        return Spikes(
            np.empty((self.n_runs, capacity), np.int32),
            np.empty((self.n_runs, capacity), np.int32),
            np.empty((self.n_runs, capacity), np.float32),
            np.zeros((self.n_runs, self._lanes.n_lanes), np.int32),
            np.zeros(self.n_runs, np.int64),
        )

    def _call(self, clock: Clock, events: Events, spikes: Spikes, probes: Probes | None, lesson: Lesson) -> None:
        if probes is None:
            probes = Probes(np.zeros(0, np.int64), 0, np.zeros((self.n_runs, 0, 0), self.state.dtype))
        self._memory.plastic.writes[:] = 0
        members = self._members(lesson)

        def let_run(worker: int, run: int, first: int, after: int) -> None:
            member = members[worker]
            run_dies(
                (run, run + 1), (first, after), room(self.state), member.team, self.state, self._pending,
                self._lanes.address, clock, self._keys, self._floor, self._slow, member.wiring, self._memory.amplitude,
                events, member.plastic, self._memory.cells, self._lanes.features, self._depression, member.transit,
                spikes, probes, lesson,
            )  # fmt: skip

        if members[0].team.n == 1:
            share(let_run, self.n_runs, max(lesson.order.shape[1], 1))
            return
        for run in range(self.n_runs):
            members[0].team.arrived[:] = 0
            side_by_side(partial(let_run, run=run, first=0, after=1), len(members))
        add_writes(members)

    def _members(self, lesson: Lesson) -> list[Member]:
        """What each thread of a call is given: dies of its own, or a part of one if there are fewer dies."""
        n, n_blocks = n_threads(), self._lanes.n_lanes // LANES
        memory, transit = self._memory, self._transit
        if lesson.order.shape[1] > 0 or self.n_runs >= n or n_parts(n_blocks, n) == 1:
            return undivided(n_blocks, min(n, self.n_runs), memory.wiring, memory.plastic, transit)
        if n not in self._divisions:
            self._divisions[n] = Division(n_blocks, n_parts(n_blocks, n), memory.wiring, memory.plastic)
        return self._divisions[n].members(memory.wiring, memory.plastic, transit)

    def _sent(self, events: Events) -> np.ndarray:
        run = np.repeat(np.arange(self.n_runs), np.diff(events.offset))
        n = self.mapped.n_sources
        return np.bincount(run * n + events.source, minlength=self.n_runs * n).reshape(self.n_runs, n)

    def _warn_if_busy(self, sent: np.ndarray, count: np.ndarray, duration: float) -> None:
        """Warn if cores are sent more events than their buses carry; input events and spikes by (run, sender)."""
        device, mapped = self.mapped.device, self.mapped
        total = sent.sum(1) + count.sum(1)  # no core is sent more than all events there are
        if device.power is None or total.max(initial=0) <= device.power.event_rate * duration:
            return
        fired = np.hstack([sent, count[:, self._lanes.lane]])
        warn_if_busy(device, mapped.reach.arriving(fired), duration)

    def _account(self, count: np.ndarray, duration: np.ndarray) -> None:
        self.ledger += Ledger(
            spikes=count.sum(1, dtype=np.int64), chip_time_s=duration, **self._memory.writes_of_call()
        )

    def _window(self, spikes: Spikes, duration: np.ndarray) -> Window:
        count = spikes.count[:, self._lanes.lane]
        self._account(count, duration)
        n_recorded = min(int(spikes.total.max(initial=0)), spikes.step.shape[1])
        kept = np.arange(n_recorded) < spikes.total[:, None]
        neuron_of_lane = np.full(self._lanes.n_lanes, -1)
        neuron_of_lane[self._lanes.lane] = np.arange(self.mapped.n_neurons)
        return Window(
            count,
            np.nonzero(kept)[0],
            spikes.step[:, :n_recorded][kept],
            neuron_of_lane[spikes.neuron[:, :n_recorded][kept]],
            spikes.fraction[:, :n_recorded][kept],
        )

    def _check_state(self) -> None:
        y = self._lanes.fields(self.state, at.Y)
        if not np.all(np.isfinite(y)):
            run, neuron = np.argwhere(~np.isfinite(y))[0]
            raise RunError(
                f"the membrane of neuron {neuron} on die {self.chips[run // len(self.noise_seeds)].seed} is not finite "
                f"at {show(float(self.step[run]) * self.dt, 's')}; its currents are outside what the circuits describe"
            )
