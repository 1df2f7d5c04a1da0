"""Models behind a command line: every clip is one call of a program, and files go in and out.

``cmd: python inference.py --face {video} --audio {audio} --outfile {output}`` is split into words as a shell
does, but no shell runs it. Most repositories of talking-face generators can be measured this way unchanged.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

import numpy as np

from pytest_lipleak.core.clips import Audio, StreamedVideo, Video, digest_of, held
from pytest_lipleak.core.conditions import Reference
from pytest_lipleak.core.errors import ConfigurationError, GeneratorError
from pytest_lipleak.core.remarks import remark
from pytest_lipleak.core.suggestions import meant, meant_file
from pytest_lipleak.generators.call_guard import TimeUpError
from pytest_lipleak.generators.catalogue import COMMAND_PREFIX
from pytest_lipleak.generators.environment import without_credentials
from pytest_lipleak.generators.facecrops import ClipFace, landmarks_of, usual_landmarks
from pytest_lipleak.generators.file_exchange import fetch_video, hand_over_audio, hand_over_video
from pytest_lipleak.machine.model_files import file_sha256
from pytest_lipleak.machine.named_files import weights_digest
from pytest_lipleak.machine.private_folders import MARK, PrivateFolder, lock_file
from pytest_lipleak.machine.written_files import write_array

PLACEHOLDERS = ("video", "audio", "reference", "landmarks", "output", "seed", "workdir")
NEEDED = ("video", "audio")
EXAMPLE = f"{COMMAND_PREFIX} python inference.py --face {{video}} --audio {{audio}} --outfile {{output}}"
SHELL_WORDS = frozenset({"|", "||", "&&", "&", ";", ">", ">>", "<", "2>&1"})

LOOK_EVERY = 0.2
"""Seconds between two looks at a running command."""

TAIL_LINES = 20
TAIL_BYTES = 8192
LINE_LENGTH = 400
"""Characters of a log's line that are shown."""

SOURCE_SUFFIXES = frozenset({".py", ".yaml", ".yml", ".json", ".toml", ".cfg", ".ini", ".sh"})
"""Files of a repository that decide what its model does, besides its weights."""

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def check_template(template: str) -> list[str]:
    """Return the words of a command line.

    Raises:
        ConfigurationError: it cannot be split, needs a shell, lacks a placeholder or has an unknown one.
    """
    try:
        words = shlex.split(template)
    except ValueError as error:
        raise ConfigurationError(f"command {template!r}: {error}; check its quotes") from None
    if not words:
        raise ConfigurationError(f"no command behind {COMMAND_PREFIX!r}; write for example {EXAMPLE!r}")
    found = {name for word in words for name in _PLACEHOLDER.findall(word)}
    if unknown := found - set(PLACEHOLDERS):
        raise ConfigurationError(
            f"command {template!r}: unknown placeholder {{{min(unknown)}}}; there are "
            f"{', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}{meant(min(unknown), PLACEHOLDERS)}"
        )
    if missing := [name for name in NEEDED if name not in found]:
        raise ConfigurationError(
            f"command {template!r}: no {{{missing[0]}}} in it; write it where the program takes the path of the "
            f"{missing[0]} file"
        )
    if shell := SHELL_WORDS.intersection(words):
        raise ConfigurationError(
            f"command {template!r}: no shell runs it, so {min(shell)!r} has no meaning; put it into a script and "
            "name that"
        )
    return words


def load(
    template: str,
    device: str = "cpu",
    *,
    repo: str | None = None,
    python: str | None = None,
    supports: str | Sequence[str] | None = None,
    alternative_reference: str | None = None,
    silence: str | None = None,
    pairing: str | None = None,
    cr_args: str = "",
    ar_args: str = "",
    result: str | None = None,
    slack: int = 5,
    seed: int = 0,
    timeout: float | None = None,
    parallel: bool = False,
    workdir: str | None = None,
    fingerprint: str | None = None,
    checkpoint: str | Sequence[str] = (),
    env: str | Sequence[str] = (),
) -> "CommandGenerator":
    """Build a generator from a command line.

    Args:
        template: the command, with placeholders: ``{video}`` and ``{audio}`` are the input files, ``{reference}``
            a video of the identity reference, ``{landmarks}`` 68 points of the face in every frame, a NumPy file,
            ``{output}`` the video to write, ``{seed}`` a number, ``{workdir}`` a folder of this call alone.
        device: ``cuda:N`` shows the command that CUDA device only; others change nothing.
        repo: folder to run in; where pytest was started when not given; ``{workdir}`` for the call's own.
        python: an interpreter, or the folder of a virtual or conda environment, which ``python`` in the command
            then means; its programs come first, and PYTHONPATH is left out.
        supports: references the command has. By default both with ``{reference}`` in it or with ``ar_args``,
            else CR alone, as such a program takes the reference from the video it gets. ``()`` for mask-free
            models without any.
        alternative_reference: its AR strategy.
        silence: silence it can take, ``zeros`` or ``noise``.
        pairing: who may drive whom under XM.
        cr_args: words added under CR.
        ar_args: words added under AR.
        result: pattern of the video the command writes where it lets nobody name it, from ``repo`` on.
        slack: frames that may be missing or too many at the end; see ``file_exchange.fetch_video``.
        seed: replaces ``{seed}``.
        timeout: seconds for one call, besides --lipleak-timeout.
        parallel: several calls may run at once in the same folder; else they wait for each other, because many
            programs write temporary files of fixed names.
        workdir: keep the folders of all calls in this one.
        fingerprint: your own name for weights and code; with it results are reused across runs.
        checkpoint: weight files; with ``repo``, their contents, the repository's source, size and time of other
            weights in it, and the packages of ``python``'s environment are the fingerprint.
        env: names of environment variables that look like credentials (``HF_TOKEN``) and that the command needs; others
            of that look it does not get.

    Raises:
        ConfigurationError: the command or an argument cannot be used.
    """
    words = check_template(template)
    folder = _folder(repo)
    interpreter = _interpreter(python)
    if interpreter and re.fullmatch(r"python(3(\.\d+)?)?", words[0]):
        words[0] = str(interpreter)
    placeholders = {name for word in words for name in _PLACEHOLDER.findall(word)}
    if "output" not in placeholders and result is None:
        raise ConfigurationError(
            f"command {template!r}: no {{output}} in it; write it where the program takes the path of the video to "
            "make, or give the argument result=PATTERN of the video it writes"
        )
    environment, withheld = without_credentials(os.environ, env)
    program = Program(
        tuple(words),
        folder,
        {Reference.CR: shlex.split(cr_args), Reference.AR: shlex.split(ar_args)},
        _environment(environment, interpreter, device),
        withheld,
    )
    calls = Calls(
        result,
        _whole("slack", slack),
        seed,
        timeout,
        parallel=parallel,
        workdir=None if workdir is None else Path(workdir).expanduser().absolute(),
    )
    generator = CommandGenerator(program, calls)
    switches = "reference" in placeholders or bool(ar_args) or "{reference}" in cr_args
    generator.reference_from_video = "reference" not in placeholders and not any(
        "{reference}" in words for words in (cr_args, ar_args)
    )
    if program.sees("landmarks"):
        generator.use_face = generator.remember_face
    generator.supports = _references(supports, ("CR", "AR") if switches else ("CR",))
    if {"CR", "AR"} <= set(generator.supports) and not switches:
        raise ConfigurationError(
            f"command {template!r}: with supports={supports} it would run alike under CR and AR; write {{reference}} "
            "where it takes the identity reference, or give ar_args, the words that select the alternative one"
        )
    generator.alternative_reference = alternative_reference
    generator.silence = silence
    generator.pairing = pairing
    generator.fingerprint = fingerprint or _hashed(checkpoint, repo, folder, packages_of(python))
    program.check()
    return generator


@dataclass(frozen=True)
class Program:
    """A command line, and where it runs.

    Args:
        words: of the command, with placeholders.
        folder: in which it runs; None: that of the call.
        extra: words that are added, by reference.
        environment: its variables.
        withheld: names of variables that it does not get.
    """

    words: tuple[str, ...]
    folder: Path | None
    extra: Mapping[Reference, Sequence[str]]
    environment: Mapping[str, str]
    withheld: Sequence[str] = ()

    def sees(self, placeholder: str) -> bool:
        """Whether the command, with or without the words of a reference, has this placeholder."""
        return any(
            f"{{{placeholder}}}" in word for words in (self.words, *self.extra.values()) for word in words
        )

    def filled(self, kind: Reference, values: Mapping[str, str]) -> list[str]:
        """Return the words of a call under CR or AR."""
        return [_filled(word, values) for word in (*self.words, *self.extra[kind])]

    def check(self) -> None:
        """Raise ``ConfigurationError`` where there is no program of the command's name."""
        name = self.words[0]
        beside = self.folder is not None and "/" in name and (self.folder / name).is_file()
        if shutil.which(name, path=self.environment.get("PATH")) is None and not beside:
            raise ConfigurationError(
                f"command {self}: no program {name!r} can be found; give its whole path, or the argument "
                "python=INTERPRETER OR ENVIRONMENT"
            )

    def __str__(self) -> str:
        return repr(shlex.join(self.words))


@dataclass(frozen=True)
class Calls:
    """How a program is called.

    Args:
        result: pattern of the video it writes where it lets nobody name it.
        slack: frames that may be missing or too many at the end.
        seed: replaces ``{seed}``.
        timeout: seconds for one call, or None.
        parallel: whether several may run at once in the same folder.
        workdir: keeps the folders of all calls, or None.
    """

    result: str | None
    slack: int
    seed: int
    timeout: float | None
    parallel: bool
    workdir: Path | None


class CommandGenerator:
    """Runs a command for every call; built by :func:`load`, which explains the arguments.

    Args:
        program: that is run.
        calls: how.
    """

    def __init__(self, program: Program, calls: Calls) -> None:
        self.supports: tuple[str, ...] = ("CR", "AR")
        self.reference_from_video = False
        self.takes_videos = True
        self.first_frame_only = False
        """Whether its alternative reference can only be the first frame."""
        self.alternative_reference: str | None = None
        self.silence: str | None = None
        self.pairing: str | None = None
        self.fingerprint: str | None = None
        self._program = program
        self._calls = calls
        self._tell: Callable[[str], None] = lambda text: None
        self._face = ClipFace(None)
        self.use_face: Callable[[ClipFace], None]
        """There only with ``{landmarks}``: of others, faces are no business."""

    def remember_face(self, face: ClipFace) -> None:
        """Remember where the face of the next clip is."""
        self._face = face

    def use_progress(self, tell: Callable[[str], None]) -> None:
        """Remember where the command's last line is shown."""
        self._tell = tell

    def turn(self) -> Any:
        """Context in which no other call runs in the same folder, in this or another process."""
        if self._calls.parallel or self._program.folder is None:
            return nullcontext()
        from filelock import FileLock

        name = sha256(str(self._program.folder).encode()).hexdigest()[:16]
        return FileLock(lock_file(f"command-{name}"), poll_interval=LOOK_EVERY)

    def generate(self, frames: Video, audio: Audio, reference: Video) -> Video:
        """Run the command on files and read what it wrote; see ``generators.interface``."""
        kind = self._kind(frames, reference)
        # Programs that cache by file name must find no file of another clip or condition.
        stem = digest_of(frames, audio, reference)[:16]
        with ExitStack() as stack:
            folder = stack.enter_context(_working_folder(self._calls.workdir, stem))
            paths = {
                "video": folder / f"{stem}-video.mp4",
                "audio": folder / f"{stem}-audio.wav",
                "reference": folder / f"{stem}-reference.mp4",
                "landmarks": folder / f"{stem}-landmarks.npy",
                "output": folder / f"{stem}-output.mp4",
                "workdir": folder,
            }
            hand_over_video(paths["video"], frames)
            hand_over_audio(paths["audio"], audio)
            if self._program.sees("reference"):
                hand_over_video(paths["reference"], reference)
            if self._program.sees("landmarks"):
                write_array(paths["landmarks"], usual_landmarks(landmarks_of(held(frames), self._face)))
            values = {name: str(path) for name, path in paths.items()} | {"seed": str(self._calls.seed)}
            words = self._program.filled(kind, values)
            before = self._results(values)
            with self._with_log(folder / LOG):
                self._run(words, folder)
                made = self._made(folder, paths["output"], values, before)
                output, told = fetch_video(made, frames.shape, self._calls.slack)
            if isinstance(output, StreamedVideo):
                # The folder stays as long as the video that is read from it.
                weakref.finalize(output, stack.pop_all().close)
        if told:
            remark(f"{shlex.join(self._program.words)}: {told}")
        return output

    def _kind(self, frames: Video, reference: Video) -> Reference:
        """CR or AR; refuses a reference that the command would never see."""
        kind = Reference.CR if len(reference) == len(frames) else Reference.AR
        if self.supports and self.reference_from_video and not _is_of_clip(kind, frames, reference):
            raise GeneratorError(
                "the command takes the reference from the video itself and cannot be given another; write {reference} "
                "where it takes one"
            )
        if self.first_frame_only and kind is Reference.AR and not _is_first(reference, frames):
            raise GeneratorError(
                "the command's alternative reference can only be the first frame; choose "
                "--lipleak-alternative-reference=first"
            )
        return kind

    def _run(self, words: Sequence[str], folder: Path) -> None:
        import psutil

        # Without the start of an environment, which takes longer than most of what the guard does.
        found = f"import sys; sys.path.append({str(Path(psutil.__file__).parents[1])!r})\n"
        guard = found + files("pytest_lipleak.generators").joinpath("process_guard.py").read_text(
            encoding="utf-8"
        )
        temporary = folder / "tmp"
        temporary.mkdir()
        begun = time.monotonic()
        with (folder / LOG).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", guard, *words],
                cwd=self._program.folder or folder,
                env={**self._program.environment, "TMPDIR": str(temporary)},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(LOOK_EVERY)
                    break
                seconds = time.monotonic() - begun
                if self._calls.timeout and seconds > self._calls.timeout:
                    raise GeneratorError(
                        f"the command did not end within {self._calls.timeout:g} s (argument timeout)"
                    )
                self._tell(f"{seconds:.0f} s: {_last_line(folder / LOG)}")
        finally:
            # Ends the command with its children, whatever the reason: time is up, Ctrl-C, an error.
            _close(process.stdin)
            process.wait()
        if status := process.returncode:
            signal = f" (signal {status - 128})" if status > 128 else ""
            raise GeneratorError(f"the command exited with status {status}{signal}")

    def _results(self, values: Mapping[str, str]) -> dict[Path, tuple[int, int]]:
        if self._calls.result is None:
            return {}
        pattern = Path(self._program.folder or values["workdir"], _filled(self._calls.result, values))
        found = Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))
        return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in found if path.is_file()}

    def _made(
        self,
        folder: Path,
        output: Path,
        values: Mapping[str, str],
        before: Mapping[Path, tuple[int, int]],
    ) -> Path:
        """Return the video that this call wrote, and no older one."""
        if self._calls.result is None:
            # It is new: the folder was empty of it.
            if not output.is_file():
                raise GeneratorError("the command ended well but wrote no {output}")
            return output
        fresh = sorted(path for path, stamp in self._results(values).items() if before.get(path) != stamp)
        if len(fresh) != 1:
            raise GeneratorError(
                f"the command ended well and wrote {len(fresh)} files that match result={self._calls.result!r}, "
                "expected 1" + "".join(f"\n  {path}" for path in fresh)
            )
        # The next call, of another process perhaps, may write to the same file.
        return Path(shutil.copy(fresh[0], folder / f"made-{fresh[0].name}"))

    @contextmanager
    def _with_log(self, log: Path) -> Iterator[None]:
        """Show the end of the log with what goes wrong."""
        try:
            yield
        except (GeneratorError, TimeUpError) as error:
            lines = _tail(log)
            said = "".join(f"\n  {line}" for line in lines) if lines else " nothing"
            if self._program.withheld:
                said += f"\n  not in its environment (argument env): {', '.join(self._program.withheld)}"
            raise type(error)(f"{error}; the command said:{said}\n  whole log: {log}") from error


LOG = "log.txt"


@contextmanager
def _working_folder(within: Path | None, stem: str) -> Iterator[Path]:
    """A folder of this call alone. It is removed, but for the log where the call failed; in ``within`` all stays."""
    if within is not None:
        within.mkdir(parents=True, exist_ok=True)
        yield Path(tempfile.mkdtemp(prefix=f"pytest-lipleak-command-{stem}-", dir=within))
        return
    private = PrivateFolder(f"command-{stem}-{uuid.uuid4().hex[:8]}")
    folder = private.enter()
    kept: tuple[str, ...] = (LOG, MARK)
    try:
        yield folder
        kept = ()
    finally:
        if not (folder / LOG).is_file():
            kept = ()
        for path in folder.iterdir():
            if kept and path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        private.leave(remove=not kept)


def _is_first(reference: Video, frames: Video) -> bool:
    return len(reference) == 1 and np.array_equal(next(iter(reference)), next(iter(frames)))


def _is_of_clip(kind: Reference, frames: Video, reference: Video) -> bool:
    """Whether the reference is the clip's own frames, which a command finds in the video, too."""
    if kind is Reference.CR:
        return reference is frames or all(map(np.array_equal, reference, frames))
    return all(any(np.array_equal(one, frame) for frame in frames) for one in reference)


def _filled(word: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), word)


def _close(stream: IO[bytes] | None) -> None:
    with suppress(OSError):
        if stream is not None:
            stream.close()


def _tail(log: Path) -> list[str]:
    """The last lines of a log, as a terminal would show them: progress bars overwrite themselves."""
    with log.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - TAIL_BYTES, 0))
        text = _COLOURS.sub("", file.read().decode(errors="replace")).replace("\r\n", "\n")
    lines = [line.rstrip().rpartition("\r")[2].rstrip() for line in text.split("\n")]
    return [_shortened(line) for line in lines if line][-TAIL_LINES:]


def _shortened(line: str) -> str:
    return line if len(line) <= LINE_LENGTH else f"{line[:LINE_LENGTH]}..."


def _last_line(log: Path) -> str:
    return next(iter(_tail(log)[-1:]), "no output yet")


def _folder(repo: str | None) -> Path | None:
    if repo == "{workdir}":
        return None
    folder = Path.cwd() if repo is None else Path(repo).expanduser().absolute()
    if not folder.is_dir():
        raise ConfigurationError(f"argument repo={repo}: no such folder{meant_file(folder)}")
    return folder


def _interpreter(python: str | None) -> Path | None:
    if python is None:
        return None
    given = Path(python).expanduser()
    candidates = [given, *(given / name for name in ("bin/python", "Scripts/python.exe", "python.exe"))]
    for candidate in candidates:
        if candidate.is_file():
            # Not resolved: a virtual environment's python is a link, and the link is what makes it one.
            return candidate.absolute()
    raise ConfigurationError(
        f"argument python={python}: no interpreter, nor an environment with bin/python in it"
    )


def _environment(variables: Mapping[str, str], interpreter: Path | None, device: str) -> dict[str, str]:
    environment = {**variables, "PYTHONUNBUFFERED": "1"}
    if interpreter is not None:
        for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
            environment.pop(name, None)
        environment["PATH"] = os.pathsep.join((str(interpreter.parent), environment.get("PATH", os.defpath)))
    kind, _, index = device.partition(":")
    if kind == "cuda" and index:
        visible = environment.get("CUDA_VISIBLE_DEVICES", "").split(",")
        environment["CUDA_VISIBLE_DEVICES"] = (
            visible[int(index)] if int(index) < len(visible) and visible[0] else index
        )
    return environment


def _references(given: str | Sequence[str] | None, default: tuple[str, ...]) -> tuple[str, ...]:
    if given is None:
        return default
    return tuple(word.strip() for word in given.split(",")) if isinstance(given, str) else tuple(given)


def _whole(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigurationError(f"argument {name}={value!r}: expected a whole number, 0 or more")
    return value


def packages_of(python: str | None) -> str:
    """Names and versions of the packages of an environment, named as ``load`` takes it; empty without one."""
    interpreter = _interpreter(python)
    if interpreter is None:
        return ""
    found = interpreter.parent.parent.glob("lib/python*/*-packages/*.dist-info")
    return " ".join(sorted(path.stem for path in found))


def _hashed(
    checkpoint: str | Sequence[str], repo: str | None, folder: Path | None, packages: str
) -> str | None:
    """The fingerprint of weight files, of the source beside them, of other weights there, by size and time, and of
    the environment's packages.
    """
    names = checkpoint.split(",") if isinstance(checkpoint, str) else checkpoint
    paths = [Path(name.strip()).expanduser() for name in names if name.strip()]
    if not paths:
        return None
    if repo is None or folder is None:
        raise ConfigurationError(
            "argument checkpoint: also give repo=FOLDER, whose source is hashed with the weights; a changed model must "
            "not be taken for the old one"
        )
    paths = [path if path.is_file() else folder / path for path in paths]
    if missing := [path for path in paths if not path.is_file()]:
        raise ConfigurationError(f"argument checkpoint: no such file {missing[0]}{meant_file(missing[0])}")
    source = (path for path in sorted(folder.rglob("*")) if path.suffix in SOURCE_SUFFIXES and path.is_file())
    sha = sha256()
    for path in (*paths, *source):
        name = path.relative_to(folder) if path.is_relative_to(folder) else path.name
        sha.update(f"{name} {file_sha256(path)}\n".encode())
    sha.update(f"{weights_digest(folder, paths)} {packages}".encode())
    return f"command-1 {sha.hexdigest()}"
