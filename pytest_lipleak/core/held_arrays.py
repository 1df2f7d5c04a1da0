"""Arrays that are held in memory for who asks for them again soon."""

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


class HeldArrays:
    """Arrays by name, up to so many bytes together; those that were asked for longest ago are let go.

    Several threads may ask for them and hold others.

    Args:
        most: bytes; a larger array is not held at all.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._arrays: OrderedDict[str, NDArray[Any]] = OrderedDict()
        self._size = 0
        self._lock = threading.RLock()

    def get(self, name: str) -> "NDArray[Any] | None":
        """Return an array, if it is held."""
        with self._lock:
            found = self._arrays.get(name)
            if found is not None:
                self._arrays.move_to_end(name)
            return found

    def hold(self, name: str, array: "NDArray[Any]") -> None:
        """Hold an array by this name, instead of another of it."""
        with self._lock:
            if name in self._arrays:
                self._size -= self._arrays.pop(name).nbytes
            if array.nbytes <= self.most:
                self.make_room(array.nbytes)
                self._arrays[name] = array
                self._size += array.nbytes

    def make_room(self, size: int) -> None:
        """Let go of arrays until so many bytes more may be held."""
        with self._lock:
            while self._arrays and self._size + size > self.most:
                _, dropped = self._arrays.popitem(last=False)
                self._size -= dropped.nbytes
