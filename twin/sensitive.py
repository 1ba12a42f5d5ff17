"""Which things are sensitive, now or in any version ever recorded: what is gone, or was something else, has places too."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

import orjson

from twin.layers import LAYERS
from twin.ports import Store


def is_sensitive(layer: str, attributes: bytes) -> bool:
    """Whether a thing of that layer with those attributes (JSON) is one whose exact place is not for everybody; where that
    cannot be said, it is."""
    kind = LAYERS.get(layer)
    if kind is None or not kind.sensitive or not kind.sensitive_where:
        return kind is None or kind.sensitive
    known = orjson.loads(attributes)
    return any(known.get(name) is None or known[name] in values for name, values in kind.sensitive_where.items())


class EverSensitive:
    """Keys of things of which some version is sensitive, also one that was closed or withdrawn, in layers of which only some
    things are. There only come more."""

    def __init__(self, store: Store) -> None:
        self._store, self._lock, self._head = store, Lock(), 0
        self._keys = {kind.name: frozenset[str]() for kind in LAYERS.values() if kind.sensitive_where}

    def keys(self) -> Mapping[str, frozenset[str]]:
        """By layer, by all that is recorded.

        Raises:
            Unavailable: the store cannot be read now.
        """
        with self._lock:
            head = self._store.head()
            if head > self._head:
                for layer, known in self._keys.items():
                    recorded = self._store.attributes(layer, self._head)
                    self._keys[layer] = known.union(key for key, said in recorded if is_sensitive(layer, said))
                self._head = head
            return dict(self._keys)
