"""Weight images: the words of every potential edge, one set per upload, never beyond what a neuron holds."""

from dataclasses import dataclass

import numpy as np

from chipemu.errors import CapacityError, InputError, UnknownNameError
from chipemu.mapping.coding import POLICIES, fit_sources, fit_words
from chipemu.mapping.masks import FULL, decode_masks, encode_masks, fit_masks, words_of
from chipemu.mapping.placement import limit

_LARGEST = 2000  # units of base current 0: codes stay far below the largest int16


@dataclass(frozen=True, eq=False)
class WeightImage:
    """What an upload writes.

    Parameters
    ----------
    words : (..., n_edges) int16, or float64 on devices with float weights
        CAM words of each potential edge (with masks their code, see `chipemu.mapping.masks`), the code of each plastic
        synapse, or the float weight; never negative, because the two signs of a trained pair are two edges. Leading
        axes are those of the weights, e.g. dies.
    clipped : int, or (...) array of int
        Words (float weights: synapses) that were asked for and did not fit.
    """

    words: np.ndarray
    clipped: int | np.ndarray

    def select(self, die: int) -> "WeightImage":
        """The image of one die out of an image of many."""
        return WeightImage(self.words[die], int(self.clipped[die]))


class WeightEncoder:
    """Turns signed weights into weight images; everything that does not depend on the weights is prepared once.

    Parameters
    ----------
    network : Network
        What is mapped.
    device : DeviceSpec
        Capacities and kind of weights.
    edges : EdgeTable
        Potential edges.
    names : callable
        Neuron index to its name in messages.

    Raises
    ------
    CapacityError
        Fixed words alone exceed a neuron's CAM, or plastic synapses exceed what the device has.
    """

    def __init__(self, network, device, edges, names):
        self._network, self._device, self._edges, self._names = network, device, edges, names
        self._float, self._masks = device.weights == "float", device.weights == "masks"
        self._trained = {p.name: p for p in network.projections if p.trained}
        self._check_plastic()
        self._n_neurons = sum(p.n for p in network.populations)
        fixed = np.where(edges.fixed_words > 0, 1, 0) if self._float else edges.fixed_words
        self.fixed_use = np.bincount(edges.post, weights=fixed, minlength=self._n_neurons).astype(np.int64)
        self._check_fixed()
        self._prepare_rows()

    def _prepare_rows(self):
        """Table of the trained pairs of each neuron, padded with one pair past the end whose weight is zero."""
        edges = self._edges
        self._slices, self._plastic_slices, self._owners = {}, {}, {}
        total = 0
        owners = []
        for name, projection in self._trained.items():
            positive = np.flatnonzero((edges.projection == self._index(name)) & (edges.sign > 0))
            first = int(positive[0])
            if projection.store == "plastic":
                self._plastic_slices[name] = first
                continue
            self._slices[name] = (total, first)
            total += len(projection)
            owners.append(edges.post[positive])
            self._owners[name] = edges.post[positive]
        owner = np.concatenate(owners) if owners else np.empty(0, np.int32)
        self.trained_pairs = np.bincount(owner, minlength=self._n_neurons)
        order = np.argsort(owner, kind="stable")
        rank = np.arange(total) - (np.cumsum(self.trained_pairs) - self.trained_pairs)[owner[order]]
        self._rows, row = np.unique(owner[order], return_inverse=True)
        self._table = np.full((len(self._rows), int(self.trained_pairs.max(initial=0))), total)
        self._table[row, rank] = order
        self._budget = self._device.chip.n_cam_words - self.fixed_use[self._rows]
        self._total = total

    def encode(self, weights, policy: str, rng, bases=None) -> WeightImage:
        """See `MappedNetwork.image`."""
        if policy not in POLICIES:
            raise UnknownNameError("policy", policy, POLICIES)
        arrays, lead = self._arrays(weights)
        if self._masks:
            arrays = {name: encode_masks(array, bases[self._owners[name]]) for name, array in arrays.items()}
        fitted, clipped = self._fit(arrays, lead, policy, rng)
        words = np.empty((*lead, len(self._edges)), np.float64 if self._float else np.int16)
        words[:] = self._edges.fixed_words * (FULL if self._masks else 1)
        for name, (first_pair, first_edge) in self._slices.items():
            self._write(words, first_edge, fitted[..., first_pair : first_pair + len(self._trained[name])])
        for name, first_edge in self._plastic_slices.items():
            codes, lost = self._fit_codes(name, arrays[name], policy)
            clipped = clipped + lost
            self._write(words, first_edge, codes)
        words.flags.writeable = False
        return WeightImage(words, clipped if lead else int(clipped))

    def strengths(self, words, bases) -> np.ndarray:
        """Weights that the words of an image stand for, (..., n_edges)."""
        return decode_masks(words, bases[self._edges.post]) if self._masks else words

    def cam_use(self, words) -> np.ndarray:
        """CAM words that each edge of an image occupies, (..., n_edges) int64."""
        used = (words != 0) if self._float else words_of(words) if self._masks else words
        return np.where(self._edges.plastic, 0, used).astype(np.int64)

    def _write(self, words, first_edge, signed):
        k = signed.shape[-1]
        np.maximum(signed, 0, out=words[..., first_edge : first_edge + k], casting="unsafe")
        np.maximum(-signed, 0, out=words[..., first_edge + k : first_edge + 2 * k], casting="unsafe")

    def _fit(self, arrays, lead, policy, rng):
        n_dies = int(np.prod(lead, dtype=np.int64))
        kind = np.float64 if self._float else np.int64
        flat = np.zeros((n_dies, self._total + 1), kind)
        for name, (first, _) in self._slices.items():
            flat[:, first : first + len(self._trained[name])] = arrays[name].reshape(n_dies, -1)
        rows = flat[:, self._table]
        use = self._use(rows).sum(axis=2)
        clipped = np.maximum(use - self._budget, 0)
        if clipped.any():
            if policy == "error":
                raise self._over_budget(rows, clipped)
            uniform = self._uniform_of_rows(rng, lead) if policy == "uniform" else None
            fit = fit_sources if self._float else fit_masks if self._masks else fit_words
            rows, _ = fit(rows.reshape(-1, rows.shape[2]), np.tile(self._budget, n_dies), policy, uniform)
            flat[:, self._table] = rows.reshape(n_dies, *self._table.shape)
        return flat[:, :-1].reshape(*lead, -1), clipped.sum(axis=1).reshape(lead)

    def _use(self, rows):
        """CAM words of signed weights or codes."""
        return (rows != 0).astype(np.int64) if self._float else words_of(rows) if self._masks else np.abs(rows)

    def _uniform_of_rows(self, rng, lead):
        if rng is None or isinstance(rng, np.random.Generator):
            return rng
        table = np.asarray(rng, float)
        if table.shape != (*lead, self._n_neurons):
            raise InputError(
                f"rng has shape {table.shape}; give a numpy.random.Generator, or one number in [0, 1) for each "
                f"neuron of each image, shape {(*lead, self._n_neurons)}"
            )
        return table[..., self._rows].reshape(-1)

    def _arrays(self, weights):
        for name in weights:
            if name not in self._trained:
                raise UnknownNameError("trained projection", name, self._trained)
        missing = [name for name in self._trained if name not in weights]
        if missing:
            raise InputError(
                f"no weights for trained projection {', '.join(map(repr, missing))}; every image needs all"
            )
        arrays = {name: self._array(name, weights[name]) for name in self._trained}
        leads = {array.shape[:-1] for array in arrays.values()} or {()}
        if len(leads) > 1:
            raise InputError(f"weights of one image have different leading shapes {sorted(leads)}; give equal ones")
        return arrays, leads.pop()

    def _array(self, name, weights):
        array, k = np.asarray(weights), len(self._trained[name])
        if array.ndim < 1 or array.shape[-1] != k:
            raise InputError(f"weights of {name!r} have shape {array.shape}; it has {k} pairs on the last axis")
        if (self._float or self._masks) and name in self._slices:
            if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
                raise InputError(f"weights of {name!r} must be finite numbers")
            if self._masks and np.abs(array).max(initial=0) > _LARGEST:
                raise InputError(f"weights of {name!r} reach {np.abs(array).max():g} units; at most {_LARGEST}")
            return array.astype(np.float64)
        if array.dtype.kind not in "iu":
            raise InputError(
                f"weights of {name!r} are {array.dtype}; {self._device.name} stores whole words, so round them first"
            )
        if array.size and (array.min() < -(2**15) or array.max() > 2**15):
            raise InputError(f"weights of {name!r} reach {np.abs(array.astype(float)).max():g} words; at most {2**15}")
        return array.astype(np.int64)

    def _fit_codes(self, name, codes, policy):
        largest = self._device.plastic.code_max
        lost = np.maximum(np.abs(codes) - largest, 0).sum(axis=-1)
        if policy == "error" and lost.any():
            raise CapacityError(
                f"projection {name!r} asks for code {np.abs(codes).max()}; {self._device.name} stores codes up to "
                f"{largest} ({self._device.path}, plastic.code_max). Scale the weights down, or use policy='greedy'."
            )
        return np.clip(codes, -largest, largest), lost

    def _index(self, name):
        return [p.name for p in self._network.projections].index(name)

    def _check_plastic(self):
        edges, plastic = self._edges, self._device.plastic
        stored = [p.name for p in self._trained.values() if p.store == "plastic"]
        if not stored:
            return
        if plastic is None:
            raise CapacityError(
                f"projection {stored[0]!r} has store='plastic'; {self._device.name} has no plastic synapses "
                f"({self._device.path}, plastic). Use store='words' and learn at the host, or another device."
            )
        self._check_plastic_receptors(stored)
        counts = np.bincount(edges.post[edges.plastic & (edges.sign > 0)])
        if counts.max() > plastic.n_words:
            neuron = int(counts.argmax())
            raise CapacityError(
                f"{self._names(neuron)} needs {counts[neuron]} plastic synapses "
                f"({self._shares(neuron, (edges.plastic & (edges.sign > 0)).astype(int))}); {self._device.name} has "
                f"{plastic.n_words} ({self._device.path}, plastic.n_words). Use fewer pairs for each neuron."
            )

    def _check_plastic_receptors(self, stored):
        plastic = self._device.plastic
        for name in stored:
            projection = self._trained[name]
            if (projection.positive, projection.negative) != (plastic.positive, plastic.negative):
                raise InputError(
                    f"projection {name!r} stores plastic codes on {projection.positive!r} / {projection.negative!r}; "
                    f"plastic synapses of {self._device.name} drive {plastic.positive!r} / {plastic.negative!r} "
                    f"({self._device.path}, plastic.positive and plastic.negative). Use those."
                )

    def _check_fixed(self):
        if self.fixed_use.max(initial=0) > self._device.chip.n_cam_words:
            neuron = int(self.fixed_use.argmax())
            fixed = (self._edges.fixed_words > 0) if self._float else self._edges.fixed_words
            raise CapacityError(
                f"{self._names(neuron)} needs {self.fixed_use[neuron]} CAM words for fixed synapses "
                f"({self._shares(neuron, fixed)}); {limit(self._device, 'n_cam_words')}. "
                f"Project from fewer senders or use fewer words."
            )

    def _over_budget(self, rows, clipped):
        """The neuron that is furthest over its words, with the share of each projection, as a CapacityError."""
        die, row = np.unravel_index(clipped.argmax(), clipped.shape)
        neuron, edges = int(self._rows[row]), self._edges
        shares = {}
        for index, projection in enumerate(self._network.projections):
            chosen = (edges.post == neuron) & (edges.projection == index)
            shares[projection.name] = int(
                ((edges.fixed_words[chosen] > 0) if self._float else edges.fixed_words[chosen]).sum()
            )
        for name, (first, _) in self._slices.items():
            pairs = self._table[row]
            mine = rows[die, row][(pairs >= first) & (pairs < first + len(self._trained[name]))]
            shares[name] = int(self._use(mine).sum())
        text = ", ".join(f"{name!r} {used}" for name, used in shares.items() if used)
        return CapacityError(
            f"{self._names(neuron)} needs {sum(shares.values())} CAM words ({text}); "
            f"{limit(self._device, 'n_cam_words')}. Scale the weights down, or use policy='greedy' or 'uniform'."
        )

    def _shares(self, neuron, used):
        chosen = self._edges.post == neuron
        totals = np.bincount(self._edges.projection[chosen], weights=used[chosen])
        names = [p.name for p in self._network.projections]
        return ", ".join(f"{names[index]!r} {int(total)}" for index, total in enumerate(totals) if total)
