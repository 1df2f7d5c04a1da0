"""Artefacts are made once, by whichever process comes first, and never half."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.evaluation.store import Store, key_of

KIND, KEY = "thing.bin", key_of(what="thing")
WRITER = """
import sys, time
from pathlib import Path
from pytest_lipleak.evaluation.store import Store

folder, log, seconds, key = sys.argv[1:]

def make(path):
    path.write_bytes(b"half")
    with open(log, "a") as file:
        file.write("made\\n")
    time.sleep(float(seconds))
    path.write_bytes(b"whole")

print(Store(Path(folder)).get_or_make("thing.bin", key, make))
"""


def whole(path: Path) -> None:
    path.write_bytes(b"whole")


def writer(store: Store, log: Path, seconds: float) -> subprocess.Popen[str]:
    """Start another process that takes ``seconds`` to make the artefact."""
    command = [sys.executable, "-c", WRITER, str(store.folder), str(log), str(seconds), KEY]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.01)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "deep" / "store")


def test_an_artefact_is_made_once(store: Store) -> None:
    assert store.find(KIND, KEY) is None
    made = store.get_or_make(KIND, KEY, whole)
    assert made is not None
    assert made.read_bytes() == b"whole"
    assert made.suffix == ".bin"
    assert store.get_or_make(KIND, KEY, lambda path: pytest.fail("made again")) == made
    assert Store(store.folder).find(KIND, KEY) == made


def test_kinds_and_keys_are_kept_apart(store: Store) -> None:
    other = key_of(what="else")
    paths = {
        store.get_or_make(kind, key, whole) for kind in ("thing.bin", "item.bin") for key in (KEY, other)
    }
    assert len(paths) == 4


@pytest.mark.parametrize("damage", [b"", b"who", b"whole!"])
def test_a_corrupt_artefact_is_made_again_and_said_so(store: Store, damage: bytes) -> None:
    path = store.get_or_make(KIND, KEY, whole)
    assert path is not None
    path.write_bytes(damage)
    with pytest.warns(RuntimeWarning, match="is corrupt and will be made again"):
        again = store.get_or_make(KIND, KEY, whole)
    assert again is not None
    assert again.read_bytes() == b"whole"


def test_a_maker_that_fails_leaves_nothing(store: Store) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        store.get_or_make(KIND, KEY, fail)
    assert store.find(KIND, KEY) is None
    assert [path.suffix for path in store.folder.iterdir() if path.suffix != ".lock"] == []
    assert store.get_or_make(KIND, KEY, whole, wait=False) is not None, "its lock is free again"


@pytest.mark.slow
def test_two_processes_make_an_artefact_once(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "log"
    processes = [writer(store, log, seconds=0.5) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0].strip() for process in processes]
    assert log.read_text().splitlines() == ["made"]
    assert outputs[0] == outputs[1] == str(store.find(KIND, KEY))


@pytest.mark.slow
def test_who_does_not_want_to_wait_is_told_that_another_process_is_at_it(
    store: Store, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    process = writer(store, log, seconds=2)
    wait_for(log)
    assert store.get_or_make(KIND, KEY, whole, wait=False) is None
    assert store.find(KIND, KEY) is None, "half an artefact is none"
    waited = store.get_or_make(KIND, KEY, lambda path: pytest.fail("made twice"))
    assert waited is not None
    assert waited.read_bytes() == b"whole"
    process.communicate(timeout=60)


@pytest.mark.slow
def test_a_killed_writer_leaves_no_artefact_and_no_held_lock(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = writer(store, log, seconds=300)
    wait_for(log)
    process.kill()
    process.communicate(timeout=60)
    assert store.find(KIND, KEY) is None
    made = store.get_or_make(KIND, KEY, whole, wait=False)
    assert made is not None
    assert made.read_bytes() == b"whole"


PARTS = {"model": "m", "fingerprint": "f", "reference": [0, 1], "seed": 0, "format": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"fingerprint": "f "},
        {"reference": [1, 0]},
        {"reference": [0, 1, 2]},
        {"seed": 1},
        {"seed": "0"},
        {"format": 2},
        {"extra": None},
    ],
    ids=str,
)
def test_every_part_is_in_the_key(change: dict) -> None:
    assert key_of(**PARTS) != key_of(**{**PARTS, **change})


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text() | st.integers() | st.lists(st.integers())))
def test_the_order_of_the_parts_is_not(parts: dict) -> None:
    backwards = dict(reversed(parts.items()))
    assert key_of(**parts) == key_of(**backwards)
    assert key_of(**parts).isalnum(), "it is part of a file name"
