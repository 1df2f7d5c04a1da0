"""Tests of the sync experts ask their networks."""

from collections.abc import Iterator

import pytest
from known_answers import nothing_known


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    with nothing_known():
        yield
