"""A read-only mapping that compares, hashes and pickles by content (a mappingproxy does not travel to workers)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, TypeVar

Value = TypeVar("Value")


class FrozenMap(Mapping[str, Value], Generic[Value]):
    """Names to values, in the order given; nothing can be assigned.

    Parameters
    ----------
    items : mapping or iterable of pairs
        Content; copied.

    Examples
    --------
    >>> FrozenMap({"C_mem": 2e-12})["C_mem"]
    2e-12
    """

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Value] | Iterable[tuple[str, Value]] = ()):
        self._items = dict(items)

    def __getitem__(self, name: str) -> Value:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"FrozenMap({self._items!r})"
