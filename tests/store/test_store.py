"""Artefacts are made once, by whichever process comes first, and never half."""

import errno
import os
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lipleak.core.errors import StoreError
from pytest_lipleak.machine.private_folders import STORE_MARK
from pytest_lipleak.machine.written_files import write_array
from pytest_lipleak.media.video import raw_frames, stored_images, write_raw, write_video
from pytest_lipleak.store.keys import key_of, versions_of
from pytest_lipleak.store.store import Store
from pytest_lipleak.store.upkeep import ABANDONED

KIND, KEY = "thing.bin", key_of(what="thing")
WRITER = """
import sys, time
from pathlib import Path
from pytest_lipleak.store.store import Store

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


def leftovers(store: Store) -> list[str]:
    files = (path for path in store.folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return sorted(path.name for path in files if path.name != STORE_MARK)


def sized(count: int) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(bytes(count))


def fill(store: Store, ages: Iterable[float], size: int = 1000) -> list[Path]:
    """Store an artefact per age, in seconds since it was last used."""
    paths = []
    for number, age in enumerate(ages):
        path = store.get_or_make(KIND, key_of(number=number), sized(size), about={"number": number})
        assert path is not None
        os.utime(path, (time.time() - age,) * 2)
        paths.append(path)
    return paths


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("no permission to mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o555)
    yield
    folder.chmod(0o755)


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
def test_a_corrupt_artefact_is_made_again_and_said_so(
    store: Store, damage: bytes, remarks: list[str]
) -> None:
    path = store.get_or_make(KIND, KEY, whole)
    assert path is not None
    path.write_bytes(damage)
    again = store.get_or_make(KIND, KEY, whole)
    assert "is corrupt and will be made again" in "".join(remarks)
    assert again is not None
    assert again.read_bytes() == b"whole"


def test_a_maker_that_fails_leaves_nothing(store: Store) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        store.get_or_make(KIND, KEY, fail)
    assert store.find(KIND, KEY) is None
    assert leftovers(store) == []
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


def test_versions_come_from_what_is_installed() -> None:
    assert versions_of("numpy", "no-such-package") == {"numpy": np.__version__, "no-such-package": None}


def test_beyond_the_limit_the_longest_unused_goes(store: Store) -> None:
    old, older, oldest, fresh = fill(store, (400, 500, 600, 0))
    limited = Store(store.folder, limit=3000)
    new = limited.get_or_make(KIND, KEY, sized(1000))
    assert new is not None
    assert {path for path in (old, older, oldest, fresh, new) if path.exists()} == {old, fresh, new}
    assert sum(artefact.size for artefact in limited.artefacts()) == 3000
    assert not list(store.folder.rglob(f"thing-{key_of(number=2)}*.json")), "its description goes with it"


def test_a_large_store_is_not_looked_through_for_every_artefact(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_lipleak.store.upkeep.PER_LOOK", 4)
    fill(store, [600] * 40)
    limited, looks = Store(store.folder, limit=40_000), []
    look = limited.layout.artefacts
    monkeypatch.setattr(limited.layout, "artefacts", lambda **how: looks.append(limited) or look(**how))
    for number in range(100, 130):
        limited.get_or_make(KIND, key_of(number=number), sized(1000))
    assert len(looks) == 3, "after the first, the eleventh, the twenty-first"
    left = sum(artefact.size for artefact in look())
    assert 40_000 <= left <= 40_000 + 10 * 1000


def test_looking_up_counts_as_use(store: Store) -> None:
    first, second = fill(store, (600, 500))
    assert store.find(KIND, key_of(number=0)) == first
    assert [artefact.path for artefact in store.artefacts()] == [second, first]


def test_what_was_just_used_stays_although_the_limit_is_passed(store: Store) -> None:
    fill(store, (0, 0))
    Store(store.folder, limit=1).get_or_make(KIND, KEY, whole)
    assert len(store.artefacts()) == 3, "a reader may be about to open them"


def test_what_another_process_holds_is_not_dropped(store: Store) -> None:
    from filelock import FileLock

    held, free = fill(store, (600, 500))
    with FileLock(held.parent / f"thing-{key_of(number=0)}.lock"):
        # A lock of the same process on another file descriptor is refused like that of another process.
        Store(store.folder, limit=5).get_or_make(KIND, KEY, whole)
        assert held.exists()
        assert not free.exists()
        assert {artefact.path for artefact in store.clear()}.isdisjoint({held})
    assert len(store.clear()) == 1
    assert store.artefacts() == []


def test_small_data_comes_back_to_the_bit(store: Store) -> None:
    data = {"value": 0.1 + 0.2, "large": 1e300, "none": None, "infinite": float("inf"), "rows": [1, 2.5]}
    for _ in range(2):
        assert store.data("score", KEY, lambda: data) == data
    assert [artefact.kind for artefact in store.artefacts()] == ["score"]


def test_clearing_takes_lock_files_along_except_those_in_use(store: Store) -> None:
    from filelock import FileLock

    held, _ = fill(store, (0, 0))
    lock = held.parent / f"thing-{key_of(number=0)}.lock"
    with FileLock(lock):
        store.clear()
        assert list(store.folder.rglob("*.lock")) == [lock]
    store.clear()
    assert list(store.folder.iterdir()) == []
    assert store.get_or_make(KIND, KEY, whole) is not None


def test_who_waits_for_a_lock_file_that_is_cleared_away_makes_the_artefact_alone(store: Store) -> None:
    """The waiter holds a lock file without a name; a third process would take a new one and make it twice."""
    import threading

    from filelock import FileLock, Timeout

    holder, waiter = (store.layout.lock(KIND, KEY) for _ in range(2))
    lock_file = Path(holder.lock_file)
    holder.acquire()
    thread = threading.Thread(target=waiter.acquire)
    thread.start()
    time.sleep(0.2)
    lock_file.unlink()
    holder.release()
    thread.join(timeout=30)
    with pytest.raises(Timeout):
        FileLock(lock_file).acquire(timeout=0)
    waiter.release(force=True)


def test_a_clock_that_was_set_back_does_not_make_artefacts_immortal(store: Store) -> None:
    (path,) = fill(store, (-10 * 365 * 86400,))
    (artefact,) = store.artefacts()
    assert artefact.used == pytest.approx(time.time(), abs=5)
    assert path.stat().st_mtime == pytest.approx(time.time(), abs=5), "from now on it grows old"


def test_artefacts_say_what_they_are(store: Store) -> None:
    about = {"model": "demo", "clip": "ann/é 1", "condition": "SI,CR"}
    store.get_or_make(KIND, KEY, whole, about=about)
    store.get_or_make("item.npy", KEY, whole)
    named = {artefact.kind: (artefact.about, artefact.size) for artefact in store.artefacts()}
    assert named == {"thing": (about, 5), "item": ({}, 5)}
    (store.folder / KEY[:2] / f"thing-{KEY}.json").write_text("{half")
    assert {artefact.kind: artefact.about for artefact in store.artefacts()} == {"thing": {}, "item": {}}


def test_only_old_leftovers_of_dead_writers_are_removed(store: Store) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder = store.folder / KEY[:2]
    folder.mkdir(parents=True)
    ages = {
        f"tmp-a-{KEY}-{dead.pid}.mkv": 0.0,
        f"tmp-b-{KEY}-{dead.pid}.mkv": ABANDONED + 60,
        f"tmp-c-{KEY}-{os.getpid()}.mkv": 9e9,
    }
    ages |= {f"tmp-d-{KEY}-{dead.pid}.mkv": -ABANDONED - 60}
    for name, age in ages.items():
        (folder / name).touch()
        os.utime(folder / name, (max(time.time() - age, 0),) * 2)
    store.check()
    assert leftovers(store) == [f"tmp-a-{KEY}-{dead.pid}.mkv", f"tmp-c-{KEY}-{os.getpid()}.mkv"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_and_nothing_half_stays(store: Store, code: int) -> None:
    kept = store.get_or_make(KIND, key_of(what="else"), whole)

    def fills_the_disk(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(code, os.strerror(code))

    with pytest.raises(
        StoreError, match=r"its disk is full .*--lipleak-store-limit; what is finished stays"
    ) as said:
        store.get_or_make(KIND, KEY, fills_the_disk)
    assert str(store.folder) in str(said.value)
    assert [artefact.path for artefact in store.artefacts()] == [kept]
    assert not list(store.folder.rglob("tmp-*"))
    assert store.get_or_make(KIND, KEY, whole) is not None, "once there is space, it goes on"


def test_a_video_that_does_not_fit_on_a_really_full_disk(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (10, 160, 160, 3)).astype(np.uint8)
    with small_disk(tmp_path / "disk", "600k"):
        store = Store(tmp_path / "disk" / "store")
        with pytest.raises(StoreError, match="its disk is full"):
            store.get_or_make("video.mkv", KEY, lambda path: write_video(path, frames))
        assert store.artefacts() == []
        assert not list(store.folder.rglob("tmp-*"))
        small = store.get_or_make("video.mkv", KEY, lambda path: write_video(path, frames[:2]))
        assert small is not None
        np.testing.assert_array_equal(list(stored_images(small)), frames[:2])


def test_raw_pictures_that_do_not_fit_on_a_really_full_disk(tmp_path: Path) -> None:
    """What C writes of an array tells no reason."""
    frames = np.zeros((10, 160, 160, 3), np.uint8)
    with small_disk(tmp_path / "disk", "400k"):
        store = Store(tmp_path / "disk" / "store")
        with pytest.raises(StoreError, match="its disk is full"):
            store.get_or_make("video.pictures", KEY, lambda path: write_raw(path, frames))
        assert store.artefacts() == []
        small = store.get_or_make("video.pictures", KEY, lambda path: write_raw(path, frames[:2]))
        assert small is not None
        np.testing.assert_array_equal(raw_frames(small), frames[:2])


@pytest.mark.parametrize("values", [6_000, 200_000])
def test_an_array_that_does_not_fit_on_a_really_full_disk(tmp_path: Path, values: int) -> None:
    """``np.save`` ends in an error without any number there, at which byte soever the disk is full."""
    array = np.zeros(values)
    with small_disk(tmp_path / "disk", "400k"):
        (tmp_path / "disk" / "other").write_bytes(bytes(360_000))
        store = Store(tmp_path / "disk" / "store")
        with pytest.raises(StoreError, match="its disk is full"):
            store.get_or_make("array.npy", KEY, lambda path: write_array(path, array))
        assert store.artefacts() == []
        small = store.get_or_make("array.npy", KEY, lambda path: write_array(path, array[:9]))
        assert small is not None
        np.testing.assert_array_equal(np.load(small), array[:9])


@pytest.mark.parametrize("what", ["artefact", "lock", "unreadable"])
def test_what_stands_in_the_place_of_its_files_is_named(store: Store, what: str) -> None:
    path = store.get_or_make(KIND, KEY, whole)
    assert path is not None
    if what == "artefact":
        path.unlink()
        path.mkdir()
    elif what == "unreadable":
        path.unlink()
        path.symlink_to(path)  # a loop: no right of root's opens it
    else:
        path.unlink()
        lock = next(store.folder.rglob("*.lock"))
        lock.unlink()
        lock.mkdir()
    with pytest.raises(StoreError, match=rf"{re.escape(str(store.folder))}: cannot be used: .*{KEY}"):
        store.get_or_make(KIND, KEY, whole)


def test_a_folder_called_as_an_artefact_is_neither_counted_nor_removed(store: Store) -> None:
    path = store.get_or_make(KIND, KEY, whole)
    assert path is not None
    path.unlink()
    path.mkdir()
    assert store.artefacts() == []
    assert store.clear() == []
    assert path.is_dir()


@pytest.mark.parametrize("action", ["check", "make"])
def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path, action: str) -> None:
    folder = tmp_path / "readonly"
    # Root may write in spite of permissions, though not on a read-only file system.
    with small_disk(folder, "1m,ro") if os.geteuid() == 0 else read_only(folder):
        store = Store(folder)
        with pytest.raises(StoreError, match=r"cannot be written to .*; name another folder with") as said:
            _ = store.check() if action == "check" else store.get_or_make(KIND, KEY, whole)
        assert str(folder) in str(said.value)
        assert list(folder.iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StoreError, match="cannot be written to"):
            Store(folder).check()
        with pytest.raises(StoreError, match="cannot be written to"):
            Store(folder).get_or_make(KIND, KEY, whole)


def test_a_makers_own_file_trouble_is_its_own(store: Store, tmp_path: Path) -> None:
    def needs_a_checkpoint(path: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "checkpoint.pth"))

    with pytest.raises(PermissionError, match="checkpoint"):
        store.get_or_make(KIND, KEY, needs_a_checkpoint)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["while making", "with the lock file left"])
def test_a_stale_lock_of_a_dead_process_is_free(store: Store, tmp_path: Path, moment: str) -> None:
    log = tmp_path / "log"
    process = writer(store, log, seconds=300)
    wait_for(log)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    (lock,) = store.folder.rglob("*.lock")
    if moment == "with the lock file left":
        os.utime(lock, (0, 0))
    begun = time.monotonic()
    assert store.get_or_make(KIND, KEY, whole) is not None
    assert time.monotonic() - begun < 5
    (temporary,) = store.folder.rglob("tmp-*")
    os.utime(temporary, (0, 0))
    store.check()
    assert leftovers(store) == sorted(
        path.name for path in store.folder.rglob("thing-*") if path.suffix != ".lock"
    )


def test_what_is_dropped_before_it_is_read_is_made_again(store: Store) -> None:
    """After a jump of the clock what was just used looks old, and another process may drop it."""
    drops = iter([True, False])

    def read(path: Path) -> bytes:
        if next(drops):
            store.clear()
        return path.read_bytes()

    assert store.load(KIND, KEY, whole, read) == b"whole"


def test_what_is_dropped_again_and_again_is_an_error(store: Store) -> None:
    def read(path: Path) -> bytes:
        store.clear()
        return path.read_bytes()

    with pytest.raises(
        StoreError, match=r"was dropped 3 times before it could be read; raise --lipleak-store-limit"
    ):
        store.load(KIND, KEY, whole, read)


def test_a_file_that_is_there_and_cannot_be_read_is_no_reason_to_make_it_again(store: Store) -> None:
    def read(path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error", str(path))

    with pytest.raises(OSError, match="Input/output error"):
        store.load(KIND, KEY, whole, read)


@pytest.mark.parametrize("jump", [-10 * 86400, 10 * 86400], ids=["back", "forth"])
def test_a_clock_that_jumps_during_a_run_loses_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    """Under a limit that is passed at once: what was made before the jump may go, what is asked for is there."""
    limited = Store(store.folder, limit=1)
    real = time.time
    for number in range(4):
        key = key_of(number=number)
        assert limited.load(KIND, key, whole, Path.read_bytes) == b"whole"
        monkeypatch.setattr(time, "time", lambda number=number: real() + (number + 1) * jump)
        assert limited.load(KIND, key, whole, Path.read_bytes) == b"whole"
    limited.check()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def test_a_store_is_made_for_its_user_alone(tmp_path: Path, umask: None) -> None:
    store = Store(tmp_path / "store")
    store.refuse_others()
    store.check()
    assert mode_of(store.folder) == 0o700
    store.refuse_others()


def test_so_is_one_whose_first_artefact_comes_unchecked(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = Store(tmp_path / "store").get_or_make(KIND, KEY, whole)
    finally:
        os.umask(before)
    assert made is not None
    assert mode_of(tmp_path / "store") == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o722, 0o777, 0o1777])
def test_a_store_that_others_may_write_to_is_refused_unless_it_is_shared(tmp_path: Path, mode: int) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store").chmod(mode)
    with pytest.raises(StoreError, match=rf"mode {mode:o}\).*can forge a pass.*--lipleak-store-shared"):
        Store(tmp_path / "store").refuse_others()
    Store(tmp_path / "store", shared=True).refuse_others()


def test_so_is_one_in_a_folder_where_everybody_may_replace_it(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    store = Store(tmp_path / "open" / "deep" / "store")
    with pytest.raises(StoreError, match="everybody may replace it"):
        store.refuse_others()
    (tmp_path / "open").chmod(0o1777)
    store.refuse_others()


def test_files_that_are_not_the_stores_are_never_touched(tmp_path: Path) -> None:
    """A user names the folder of a project as the store, and clears it."""
    names = [
        "poetry.lock",
        "deep/uv.lock",
        "ab/uv.lock",
        "tmp-notes-12.txt",
        "ab/tmp-notes-12.txt",
        "experiment-seed1-0123456789abcdef.pt",
        f"ab/run-{KEY}-0123456789abcdef.pt",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("mine")
        os.utime(tmp_path / name, (0, 0))
    (tmp_path / "cd").mkdir()
    (tmp_path / "my").mkdir()
    store = Store(tmp_path, limit=1)
    store.check()
    store.get_or_make(KIND, KEY, whole)
    assert [artefact.kind for artefact in store.artefacts()] == ["thing"]
    assert len(store.clear()) == 1
    assert [name for name in names if not (tmp_path / name).exists()] == []
    assert (tmp_path / "my").is_dir()


OTHER_USER = """
import os, pwd, sys, tempfile
from pathlib import Path
from pytest_lipleak.core.errors import StoreError
from pytest_lipleak.store.keys import key_of
from pytest_lipleak.store.store import Store
with tempfile.TemporaryDirectory() as folder:  # imports all that is needed: others may not read the interpreter
    Store(Path(folder)).get_or_make("thing.bin", key_of(), lambda path: path.write_bytes(b"whole"))
os.setgid(65534)
os.setuid(int(sys.argv[2]))
os.umask(0o022)
store = Store(Path(sys.argv[1]), shared=sys.argv[3] == "shared")
try:
    store.refuse_others()
    store.check()
    for key in (key_of(what="thing"), key_of(what=sys.argv[2])):
        print(store.get_or_make("thing.bin", key, lambda path: path.write_bytes(b"whole")).stat().st_uid)
except StoreError as error:
    print(f"StoreError: {error}")
"""


def as_user(number: int, folder: Path, how: str) -> str:
    command = [sys.executable, "-c", OTHER_USER, str(folder), str(number), how]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert not done.stderr, done.stderr
    return done.stdout


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that other users reach; pytest's own is private."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can be several users")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o1777)
        yield Path(folder)


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o775])
@pytest.mark.parametrize("how", ["shared", ""])
def test_a_second_user_is_told_whose_store_it_is(public: Path, mode: int, how: str) -> None:
    folder = public / "store"
    folder.mkdir()
    folder.chmod(mode)
    os.chown(folder, 4711, 4711)
    told = as_user(65534, folder, how)
    assert told.startswith(f"StoreError: store {folder}: "), told
    assert ("cannot be written to" in told) if how else ("belongs to user 4711" in told), told
    assert "--lipleak-store" in told


def test_two_users_share_a_store_that_is_declared_so(public: Path) -> None:
    folder = public / "store"
    folder.mkdir()
    os.chown(folder, 4711, 65534)
    folder.chmod(0o2770)
    first = as_user(4711, folder, "shared").split()
    second = as_user(65534, folder, "shared").split()
    assert len(first) == len(second) == 2, (first, second)
    assert second[0] == first[0] != second[1], "the first is used again, the second is made"
    for path in folder.rglob("*"):
        if path.parent != folder:
            assert mode_of(path) & 0o070, path
