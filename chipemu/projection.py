"""What a network is made of: spike sources, populations, and the projections between them."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from chipemu.errors import InputError, UnknownNameError, shorten

RECEPTORS = ("ampa", "nmda", "gaba_a", "gaba_b")
STORES = ("words", "plastic")
DELAYS = {
    "precise": ("precise_delay",),
    "mismatched": ("mismatched_delay",),
    "both": ("precise_delay", "mismatched_delay"),
}

# Far above any chip; it turns a mistyped size into a message instead of a full memory.
_MOST_PAIRS = 4_000_000


@dataclass(frozen=True, eq=False)
class Sources:
    """Virtual neurons: spike trains that enter the chip from outside.

    Parameters
    ----------
    name : str
        Name of the group.
    n : int
        Number of sources.
    tags : (n,) tuple of int or None
        Source tags to use; None lets the mapper choose.
    """

    name: str
    n: int
    tags: tuple[int, ...] | None = None

    def __len__(self):
        return self.n


@dataclass(frozen=True, eq=False)
class Population:
    """Silicon neurons that share one operating point, and therefore one set of biases.

    Parameters
    ----------
    name : str
        Name of the population.
    n : int
        Number of neurons.
    point : str
        Name of the operating point.
    latches : tuple of str or None
        Latches that are set, and no others; None takes the device's defaults.
    """

    name: str
    n: int
    point: str
    latches: tuple[str, ...] | None = None

    def __len__(self):
        return self.n


@dataclass(frozen=True, eq=False)
class Projection:
    """Synapses from one group to one population.

    Parameters
    ----------
    name : str
        Name of the projection.
    pre : Sources or Population
        Sending group.
    post : Population
        Receiving population.
    pairs : (k, 2) int64
        Index in ``pre`` and index in ``post`` of each synapse; read-only.
    receptor : str or None
        Receptor of a fixed projection; None when trained.
    positive, negative : str or None
        Receptors that carry positive and negative weights of a trained projection; None when fixed.
    words : (k,) int64 or None
        Number of parallel CAM words of each fixed synapse; None when trained.
    store : str
        ``"words"``: weights are repeated CAM words; ``"plastic"``: codes of the device's plastic synapses.
    stp : bool
        Short-term depression.
    delay : str or None
        One of `DELAYS` beside the delay that every synapse has.
    """

    name: str
    pre: Sources | Population
    post: Population
    pairs: np.ndarray
    receptor: str | None = None
    positive: str | None = None
    negative: str | None = None
    words: np.ndarray | None = None
    store: str = "words"
    stp: bool = False
    delay: str | None = None

    @property
    def latches(self) -> tuple[str, ...]:
        """Latches that are set in every synapse."""
        return ("stp",) * self.stp + DELAYS.get(self.delay, ())

    @property
    def trained(self) -> bool:
        """True if the weights arrive with every weight image."""
        return self.words is None

    def __len__(self):
        return len(self.pairs)


def projection_hash(projection: Projection) -> str:
    """SHA-256 of one projection: its ends, receptors, pairs and words, as 64 hexadecimal digits."""
    p = projection
    # latches enter only where there are any: mappings saved before there were latches stay valid
    head = json.dumps(
        [p.name, p.pre.name, p.post.name, p.receptor, p.positive, p.negative, p.store, *([p.latches] * bool(p.latches))]
    )
    digest = hashlib.sha256(head.encode() + b"\0")
    digest.update(np.ascontiguousarray(p.pairs, "<i8"))
    digest.update(b"\0")
    if p.words is not None:
        digest.update(np.ascontiguousarray(p.words, "<i8"))
    return digest.hexdigest()


def read_latches(latches, known, name: str) -> tuple[str, ...] | None:
    """Latches as given to `Network.population`, each once and in order of ``known``."""
    if latches is None:
        return None
    if isinstance(latches, str):
        raise InputError(f"population {name!r}: latches {latches!r} are one text; give a tuple of names")
    for latch in latches:
        check_known("latch of a neuron", latch, known)
    return tuple(latch for latch in known if latch in latches)


def check_synapse(stp, delay, store: str, name: str) -> None:
    """Refuse options of a projection's synapses that do not exist, or not together."""
    if not isinstance(stp, bool):
        raise InputError(f"projection {name!r}: stp is {shorten(stp)}; give True or False")
    if delay is not None:
        check_known("delay", delay, DELAYS)
    if store == "plastic" and (stp or delay):
        raise InputError(
            f"projection {name!r}: plastic synapses have neither short-term depression nor delays; use store='words'"
        )


def check_known(kind, name, known):
    """Refuse a name that is not in a closed list."""
    if name not in known:
        raise UnknownNameError(kind, shorten(name), known)


def read_pairs(pairs, pre, post, name: str) -> np.ndarray:
    """Pairs as given to `Network.project`, checked, as read-only (k, 2) int64."""
    build = _named_pairs if isinstance(pairs, str) else _listed_pairs
    table = build(pairs, pre, post, name)
    table.flags.writeable = False
    return table


def _named_pairs(pairs, pre, post, name):
    check_known("pairs", pairs, ("all", "one"))
    if pairs == "one":
        if pre.n != post.n:
            raise InputError(
                f"projection {name!r}: pairs='one' joins equal numbers, but {pre.name!r} has {pre.n} and "
                f"{post.name!r} has {post.n}; list the pairs instead"
            )
        return np.repeat(np.arange(pre.n)[:, None], 2, axis=1)
    if pre.n * post.n > _MOST_PAIRS:
        raise InputError(f"projection {name!r}: {pre.n} x {post.n} pairs are more than {_MOST_PAIRS}; list fewer pairs")
    # Sorted by receiver, so that the synapses of one neuron lie together.
    return np.stack([np.tile(np.arange(pre.n), post.n), np.repeat(np.arange(post.n), pre.n)], axis=1)


def _listed_pairs(pairs, pre, post, name):
    table = np.array(pairs)
    if table.ndim != 2 or table.shape[1] != 2 or not np.issubdtype(table.dtype, np.integer) or not len(table):
        raise InputError(
            f"projection {name!r}: pairs have shape {table.shape} of {table.dtype}; give whole numbers (k, 2), k >= 1"
        )
    table = table.astype(np.int64, copy=False)
    for column, group in enumerate((pre, post)):
        outside = (table[:, column] < 0) | (table[:, column] >= group.n)
        if outside.any():
            row = int(np.flatnonzero(outside)[0])
            raise InputError(
                f"projection {name!r}: pair {row} names unit {table[row, column]} of {group.name!r}, "
                f"which has units 0 to {group.n - 1}"
            )
    keys = np.sort(table[:, 0] * post.n + table[:, 1])
    if (keys[1:] == keys[:-1]).any():
        found, count = np.unique(keys, return_counts=True)
        pre_index, post_index = divmod(int(found[np.argmax(count)]), post.n)
        raise InputError(
            f"projection {name!r} lists pair ({pre_index}, {post_index}) {count.max()} times; use words=..."
        )
    return table


def read_words(words, k: int, name: str) -> np.ndarray:
    """Words as given to `Network.project`, checked, as read-only (k,) int64."""
    table = np.asarray(words)
    if not np.issubdtype(table.dtype, np.integer) or table.shape not in ((), (k,)):
        raise InputError(f"projection {name!r}: words must be one whole number or one for each of its {k} pairs")
    if (table < 1).any() or (table > np.iinfo(np.int16).max).any():
        worst = table.min() if table.min() < 1 else table.max()
        raise InputError(f"projection {name!r}: {worst} words for a synapse; give 1 to {np.iinfo(np.int16).max}")
    table = np.broadcast_to(table.astype(np.int64), (k,))  # one number in memory where all pairs have the same
    table.flags.writeable = False
    return table
