"""The suite itself: its tests can be told apart by name, in every process."""

import re

import pytest


def test_ids_are_the_same_in_every_process(request: pytest.FixtureRequest) -> None:
    """pytest-xdist refuses to run tests whose names hold an object's address or an iteration's chance order."""
    ids = [item.nodeid for item in request.session.items]
    assert [name for name in ids if re.search(r" at 0x[0-9a-f]+", name)] == []
    assert len(ids) == len(set(ids))
