"""Folders in the temporary directory: private, and removed only where this package made them for this user."""

import errno
import json
import os
import platform
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from pytest_lipleak.core.errors import StoreError
from pytest_lipleak.machine.private_folders import (
    FORGOTTEN,
    MARK,
    PREFIX,
    PRESENT,
    PrivateFolder,
    lock_file,
    remove_forgotten,
)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def forgotten(name: str = "0a") -> Path:
    folder = PrivateFolder(name)
    path = folder.enter()
    (path / "video.mkv").touch()
    folder.leave(remove=False)
    grow_old(path)
    return path


def grow_old(path: Path, seconds: float = FORGOTTEN + 60) -> None:
    for each in (path, *path.rglob("*")):
        os.utime(each, (time.time() - seconds,) * 2, follow_symlinks=False)


def test_it_is_its_users_alone_whatever_the_umask(umask: None) -> None:
    folder = PrivateFolder("0a")
    assert stat.S_IMODE(folder.enter().stat().st_mode) == 0o700
    folder.leave(remove=False)
    PrivateFolder("0a").enter()  # another process of the run
    folder.leave(remove=True)
    assert not folder.path.exists()


def test_it_stays_while_another_process_works_in_it() -> None:
    """Whoever leaves last removes it, where one of them said so."""
    first, second = PrivateFolder("0a"), PrivateFolder("0a")
    path = first.enter()
    elsewhere = FileLock(path / f"{PRESENT}another-process")
    elsewhere.acquire()
    first.leave(remove=True)
    assert path.is_dir()
    second.enter()
    second.leave(remove=False)
    assert path.is_dir()
    second.enter()
    elsewhere.release()
    second.leave(remove=False)
    assert not path.exists()


def test_a_folder_that_cannot_be_written_to_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoreError, match=r"cannot be written to .No space left.*TMPDIR"):
        PrivateFolder("0a").enter()


def test_what_was_forgotten_is_removed() -> None:
    path = forgotten()
    remove_forgotten()
    assert not path.exists()


def young(path: Path) -> None:
    os.utime(path)


def without_mark(path: Path) -> None:
    (path / MARK).unlink()
    grow_old(path)


def of_another(**change: object) -> Callable[[Path], None]:
    def disguise(path: Path) -> None:
        mark = json.loads((path / MARK).read_text())
        (path / MARK).write_text(json.dumps(mark | change))
        grow_old(path)

    disguise.__name__ = f"of_another_{next(iter(change))}"
    return disguise


def with_a_broken_mark(path: Path) -> None:
    (path / MARK).write_text("[" * 100_000)
    grow_old(path)


def with_a_linked_mark(path: Path) -> None:
    (path / MARK).rename(path / "elsewhere")
    (path / MARK).symlink_to(path / "elsewhere")
    grow_old(path)


def open_to_others(path: Path) -> None:
    path.chmod(0o770)


def holding_a_store(path: Path) -> None:
    from pytest_lipleak.store.store import Store

    Store(path / "deep" / "store").check()
    grow_old(path)


def being_a_store(path: Path) -> None:
    from pytest_lipleak.store.store import Store

    Store(path).check()
    grow_old(path)


@pytest.mark.parametrize(
    "disguise",
    [
        young,
        without_mark,
        of_another(folder=f"{PREFIX}0b"),
        of_another(user=4711),
        of_another(machine=f"{platform.node()}2"),
        with_a_broken_mark,
        with_a_linked_mark,
        open_to_others,
        holding_a_store,
        being_a_store,
    ],
    ids=lambda disguise: disguise.__name__,
)
def test_what_may_be_somebody_elses_or_of_use_stays(disguise: Callable[[Path], None]) -> None:
    path = forgotten()
    disguise(path)
    remove_forgotten()
    assert (path / "video.mkv").exists()


def test_a_folder_whose_process_wrote_lately_stays() -> None:
    """A long run that was killed a minute ago: its folder is old, what it was writing is not."""
    folder = PrivateFolder("long")
    (folder.enter() / "aa").mkdir()
    (folder.path / "aa" / "log").touch()
    folder.leave(remove=False)
    grow_old(folder.path)
    (folder.path / "aa" / "log").write_text("frame 7")
    remove_forgotten()
    assert folder.path.exists()
    grow_old(folder.path)
    remove_forgotten()
    assert not folder.path.exists()


def test_a_clock_that_was_set_back_makes_no_folder_immortal() -> None:
    folder = PrivateFolder("ahead")
    folder.enter()
    folder.leave(remove=False)
    grow_old(folder.path, -2 * FORGOTTEN)
    remove_forgotten()
    assert not folder.path.exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give folders away")
def test_another_users_folder_stays() -> None:
    path = forgotten()
    os.chown(path, 4711, 4711)
    remove_forgotten()
    assert (path / "video.mkv").exists()
    with pytest.raises(StoreError, match="somebody else owns it"):
        PrivateFolder("0a").enter()


def test_links_are_not_followed(temporary: Path) -> None:
    home = forgotten().rename(temporary / "home")
    link = temporary / f"{PREFIX}0a"
    link.symlink_to(home)
    grow_old(link)
    grow_old(home)
    remove_forgotten()
    assert (home / "video.mkv").exists()
    with pytest.raises(StoreError, match="is a link"):
        PrivateFolder("0a").enter()
    PrivateFolder("0a").leave(remove=True)
    assert (home / "video.mkv").exists()


def test_a_folder_in_which_a_process_works_stays_however_old_it_is(temporary: Path) -> None:
    code = (
        "import sys, time, tempfile\n"
        "tempfile.tempdir = sys.argv[1]\n"
        "from pytest_lipleak.machine.private_folders import PrivateFolder\n"
        "folder = PrivateFolder('0a')\n"
        "print(folder.enter(), flush=True)\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(temporary)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        path = Path(process.stdout.readline().strip())
        grow_old(path)
        remove_forgotten()
        assert path.is_dir()
    finally:
        process.kill()
        process.communicate()
    grow_old(path)
    remove_forgotten()
    assert not path.exists()


def test_locks_of_this_user_lie_in_a_private_folder(umask: None) -> None:
    path = lock_file("command-0a")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    grow_old(path.parent)
    remove_forgotten()
    assert lock_file("command-0a") == path


def test_a_folder_of_locks_that_somebody_prepared_is_refused(temporary: Path) -> None:
    folder = lock_file("command-0a").parent
    folder.rmdir()
    (temporary / "elsewhere").mkdir()
    folder.symlink_to(temporary / "elsewhere")
    with pytest.raises(StoreError, match=r"is a link.*TMPDIR"):
        lock_file("command-0a")


def test_what_the_system_does_not_let_go_of_is_known_as_ours_and_removed_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Windows removes no file that is mapped: the folder keeps its mark, and the next run removes it."""
    path = forgotten()
    held = path / "videos" / "held.npy"
    held.parent.mkdir()
    held.write_bytes(b"x")
    grow_old(path)
    unlink = os.unlink

    def refuse(name: str, **more: int) -> None:
        if str(name).endswith("held.npy"):
            raise PermissionError(errno.EACCES, "in use", str(name))
        unlink(name, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        remove_forgotten()
        assert held.exists()
        assert not (path / "video.mkv").exists()
    grow_old(path)
    remove_forgotten()
    assert not path.exists()
