"""Work ahead in a thread: the next frames are decoded and cropped while a network runs on these."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item], depth: int = 2) -> Iterator[Item]:
    """Yield ``items`` while one thread already makes the next ones, ``depth`` of them at most.

    Decoding, resizing and JPEG release the GIL, so they cost no time beside a running network; the depth
    bounds the memory. Whatever making an item raises is raised where that item is awaited.
    """
    source, end = iter(items), object()
    with ThreadPoolExecutor(1) as maker:
        made = deque(maker.submit(next, source, end) for _ in range(depth))
        while (item := made.popleft().result()) is not end:
            made.append(maker.submit(next, source, end))
            yield item  # type: ignore[misc]
