# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept in memory to be shown again, and the one rule by which it goes.

All memories share one budget of bytes. Where they hold more together, the item goes that was used longest ago,
whichever memory holds it; but the newest of each memory stay, so that a frame larger than the budget can be shown.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any


class Budget:
    """Bytes that memories share."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.lock = threading.RLock()
        self._memories: weakref.WeakSet[Memory[Any, Any]] = weakref.WeakSet()
        self._uses = itertools.count()

    def join(self, memory: Memory[Any, Any]) -> None:
        """Share with this memory too, as long as it lives."""
        with self.lock:
            self._memories.add(memory)

    def next_use(self) -> int:
        """A number larger than those given before: when something is used."""
        return next(self._uses)

    def fit(self) -> None:
        """Let items go until what is held fits, or only the newest of each memory are left."""
        with self.lock:
            while sum(memory.size_bytes for memory in self._memories) > self.limit_bytes:
                with_more = [memory for memory in self._memories if len(memory) > memory.least]
                if not with_more:
                    return
                min(with_more, key=lambda memory: memory.oldest_use).drop_oldest()


BUDGET = Budget(1600 * 2**20)
"""Of pictures: some ten of 4K, with what they are made of."""


class Memory[Key, Value]:
    """Items by their keys, none of them None. Safe to use from several threads.

    size_of: an item's bytes. least: so many of the newest stay whatever the budget says.
    """

    def __init__(self, size_of: Callable[[Value], int], least: int = 1, budget: Budget = BUDGET) -> None:
        self.least, self.size_bytes = least, 0
        self._size_of, self._budget = size_of, budget
        self._items: OrderedDict[Key, tuple[int, Value]] = OrderedDict()
        self._making = threading.Lock()
        budget.join(self)

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: Key) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[Key]:
        """The keys of what is kept, those used longest ago first."""
        with self._budget.lock:
            return iter(list(self._items))

    @property
    def oldest_use(self) -> int:
        """When the item was used that was used longest ago; there has to be one."""
        return next(iter(self._items.values()))[0]

    def get(self, key: Key) -> Value | None:
        """An item, if it is there; it counts as used."""
        with self._budget.lock:
            if key not in self._items:
                return None
            _before, value = self._items[key]
            self._items[key] = self._budget.next_use(), value
            self._items.move_to_end(key)
            return value

    def made(self, key: Key, make: Callable[[], Value]) -> Value:
        """An item; made and kept where it is not there. Who comes meanwhile waits for it and does not make it again."""
        value = self.get(key)
        if value is not None:
            return value
        with self._making:
            value = self.get(key)
            if value is None:
                value = make()
                self.keep(key, value)
            return value

    def alone(self, make: Callable[[], Value]) -> Value:
        """Make something while nobody makes an item, and keep nothing."""
        with self._making:
            return make()

    def keep(self, key: Key, value: Value) -> None:
        """Keep an item as the newest; it replaces one of the same key."""
        with self._budget.lock:
            self._drop(key)
            self._items[key] = self._budget.next_use(), value
            self.size_bytes += self._size_of(value)
            self._budget.fit()

    def drop_oldest(self) -> None:
        """Let the item go that was used longest ago; there has to be one."""
        with self._budget.lock:
            self._drop(next(iter(self._items)))

    def clear(self) -> None:
        """Let everything go."""
        with self._budget.lock:
            self._items.clear()
            self.size_bytes = 0

    def _drop(self, key: Key) -> None:
        if key in self._items:
            self.size_bytes -= self._size_of(self._items.pop(key)[1])
