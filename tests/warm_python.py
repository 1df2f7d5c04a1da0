"""A Python that has imported already: what tests start as processes of their own begins in hundredths of a second.

Python's own start and what pytest, NumPy, OpenCV and this package import take most of the time of a process that a test
starts. Here one process imports them once and waits; ``python``, in the folder that ``warm_python``
makes, hands it its arguments, environment, folder and streams, and it forks. The fork runs the command as Python would,
in memory that nothing ran in before; ``python`` passes signals on and ends as the fork does, by a signal as well.

What must be cold is marked so: tests of what is imported, and of when, and those that compare processes to the bit,
since all forks share the seed of hashes. Commands with options that are not known here start the real Python.
"""

import array
import contextlib
import gc
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from known_answers import remember_answers, remember_what_is_installed

PROGRAMS = {"python": [], "pytest": ["-m", "pytest"], "lipleak": ["-m", "pytest_lipleak.cli"]}
"""Programs of the folder, and how Python runs them."""

PLUGINS = (
    "xdist",
    "pytest_html",
    "pytest_jsonreport",
    "pytest_reportlog",
    "pytest_rerunfailures",
    "pytest_timeout",
)
"""Plugins of pytest that processes of tests load, which it rewrites."""

OTHERS = (
    *("cv2", "av", "filelock", "psutil", "fastjsonschema", "jinja2", "numpy.fft", "unittest.mock", "execnet"),
    *("xdist.plugin", "xdist.remote", "xdist.workermanage", "xdist.dsession"),
    *("pytest_html.plugin", "pytest_jsonreport.plugin", *PLUGINS),
)
"""What is imported beside this package, where it is installed."""

# Runs without site, since that takes longest; what it does is all that stands before the real work.
CLIENT = r"""#!{python} -IS
import os, sys
arguments = {first!r} + sys.argv[1:]
known = [each for each in arguments[:2] if each[:2] in ("-c", "-m")]
if not known or not (arguments[0] == known[0] or arguments[0] == "-u"):
    os.execv({python!r}, [{python!r}, *arguments])
import array, signal, socket
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
request = repr((arguments, os.getcwd(), dict(os.environ))).encode()
streams = array.array("i", (0, 1, 2))
server.sendmsg([len(request).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
server.sendall(request)
answers = server.makefile("rb")
child = int(answers.readline())
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
    signal.signal(number, lambda number, frame: os.kill(child, number))
os.close(0)
status = int(answers.readline() or 9)
if os.WIFSIGNALED(status):
    number = os.WTERMSIG(status)
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    signal.pause()
os._exit(os.WEXITSTATUS(status))
"""


@contextlib.contextmanager
def warm_python(answers: Path) -> Iterator[Path]:
    """Start the process that imports; yield the program that stands for Python, beside ``pytest`` and ``lipleak``.

    The folder's path is short, since a socket's must be. ``answers`` is the folder of known_answers.py.
    """
    with tempfile.TemporaryDirectory(prefix="warm-", dir="/tmp") as folder:
        address = f"{folder}/socket"
        for name, first in PROGRAMS.items():
            program = Path(folder, name)
            program.write_text(CLIENT.format(python=sys.executable, first=first, address=address))
            program.chmod(0o755)
        command = [sys.executable, __file__, address, f"{folder}/python", str(answers)]
        # Nobody else's signals, and no standard input but the pipe whose end is its own.
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        ) as server:
            assert server.stdout is not None
            assert server.stdin is not None
            if server.stdout.readline() != b"ready\n":
                raise RuntimeError("the process that imports for others has not begun")
            try:
                yield Path(folder, "python")
            finally:
                server.stdin.close()


def import_package() -> None:
    """Import this package, all but what needs torch."""
    import pkgutil
    from importlib import import_module

    import pytest_lipleak

    for module in pkgutil.walk_packages(pytest_lipleak.__path__, "pytest_lipleak."):
        torch = module.name.startswith(("pytest_lipleak.sync.syncnet", "pytest_lipleak.faces.t"))
        if not torch and not module.name.endswith(".__main__"):
            import_module(module.name)


def import_everything(answers: Path) -> None:
    """Import what processes of tests import, the rewritten modules by pytest's own loader.

    All but ONNX Runtime, which begins a thread that no fork has, and waits for it at the end.
    """
    from importlib import import_module

    from _pytest.assertion import install_importhook
    from _pytest.config import get_config

    config = get_config()
    if not hasattr(config, "inicfg"):
        config.inicfg = {}  # before 9, pytest has it only when it has read its files
    hook = install_importhook(config)
    hook.mark_rewrite("pytest_lipleak", *PLUGINS)
    for name in OTHERS:
        with contextlib.suppress(ImportError):
            import_module(name)
    import_package()
    remember_answers(answers)
    remember_what_is_installed()
    sys.meta_path.remove(hook)
    # What the garbage collector looks at, a fork has to copy.
    gc.collect()
    gc.freeze()


class Begun(Exception):  # noqa: N818 - no error
    """Raised in a fork: what it is to run."""


def serve(address: str) -> None:
    """Fork for everybody who asks, until standard input ends; a fork leaves by ``Begun``."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(0, selectors.EVENT_READ)
    ended, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    selector.register(ended, selectors.EVENT_READ)
    children: dict[int, socket.socket] = {}
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            if key.fileobj == 0:
                for child in children:
                    os.kill(child, signal.SIGKILL)
                for child in children:
                    os.waitpid(child, 0)
                return
            if key.fileobj == ended:
                os.read(ended, 1000)
                for child in list(children):
                    number, status = os.waitpid(child, os.WNOHANG)
                    if number:
                        asker = children.pop(child)
                        with contextlib.suppress(OSError):
                            asker.sendall(b"%d\n" % status)
                        with contextlib.suppress(KeyError):
                            selector.unregister(asker)
                        asker.close()
            elif key.fileobj is listener:
                asker, _ = listener.accept()
                arguments, folder, environment, streams = _request(asker)
                child = os.fork()
                if not child:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for other in (listener, asker, *children.values()):
                        other.close()
                    selector.close()
                    os.close(ended)
                    os.close(wakes)
                    raise Begun(arguments, folder, environment, streams)
                for stream in streams:
                    os.close(stream)
                asker.sendall(b"%d\n" % child)
                children[child] = asker
                selector.register(asker, selectors.EVENT_READ)
            else:
                # Whoever asked was killed: so is what ran for him.
                selector.unregister(key.fileobj)
                for child, asker in children.items():
                    if asker is key.fileobj:
                        os.kill(child, signal.SIGKILL)


def _request(asker: socket.socket) -> tuple[list[str], str, dict[str, str], list[int]]:
    import ast

    streams = array.array("i")
    begin, passed, _, _ = asker.recvmsg(8, socket.CMSG_SPACE(3 * streams.itemsize))
    for _, _, each in passed:
        streams.frombytes(each)
    size = int.from_bytes(begin, "big")
    text = b""
    while len(text) < size:
        text += asker.recv(size - len(text))
    arguments, folder, environment = ast.literal_eval(text.decode())
    return arguments, folder, environment, list(streams)


def run(
    arguments: list[str], folder: str, environment: dict[str, str], streams: list[int], usual: list[str]
) -> None:
    """Do what ``python *arguments`` does, in this process."""
    import runpy

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for stream in streams:
        if stream > 2:
            os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    unbuffered = arguments[0] == "-u"
    if unbuffered:
        del arguments[0]
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.stderr.reconfigure(line_buffering=True)
    if unbuffered:
        sys.stdout.reconfigure(write_through=True)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr
    option, value = arguments[0][:2], arguments[0][2:]
    rest = arguments[1:]
    if not value:
        value, *rest = rest
    paths = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:] = ["" if option == "-c" else folder, *paths, *usual]
    sys.argv = [option, *rest]
    if option == "-m":
        runpy.run_module(value, run_name="__main__", alter_sys=True)
    else:
        main = type(sys)("__main__")
        main.__dict__["__builtins__"] = __builtins__
        sys.modules["__main__"] = main
        exec(compile(value, "<string>", "exec"), main.__dict__)


if __name__ == "__main__":
    _, ADDRESS, STANDS_FOR_PYTHON, ANSWERS = sys.argv
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    given = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    USUAL = [path for path in sys.path[1:] if path not in given]
    import_everything(Path(ANSWERS))
    sys.executable = STANDS_FOR_PYTHON
    try:
        serve(ADDRESS)
    except Begun as begun:
        ASKED = begun.args
    else:
        sys.exit()
    run(*ASKED, usual=USUAL)
