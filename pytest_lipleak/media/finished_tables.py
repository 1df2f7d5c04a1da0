"""Finished videos: a table, or a pattern of file names, that says what was made of which clip, driven by what.

One format, written by ``lipleak export`` and by people: one row a video.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TypeVar

from pytest_lipleak.core.conditions import Condition, Reference, Setup
from pytest_lipleak.core.errors import InputError, MissingDataError
from pytest_lipleak.core.metrics.families import FAMILIES, Source
from pytest_lipleak.core.names import check_name, check_printable, escaped, file_stem
from pytest_lipleak.core.number_words import counted, named
from pytest_lipleak.core.suggestions import meant, meant_file
from pytest_lipleak.media.boxes import Box
from pytest_lipleak.media.clip_folders import VIDEO_SUFFIXES
from pytest_lipleak.media.clip_lists import names_of
from pytest_lipleak.media.tables import Row, file_beside, is_file, is_folder, read_table

OWN, SILENCE, TRACK = "own", "silence", ""
"""Words of the column ``audio``: the clip's own speech; silence; the sound track of the output."""

AGAIN = ("again", *(f"again_{time}" for time in range(2, 8)))
"""In place of a probe: the same once more, to see whether the model repeats itself; and where it does not, again."""

SWAPPED_AGAIN = tuple(f"REF_swap_{again}" for again in AGAIN[:3])
"""Likewise with another mouth in one still reference, of a model that gives one answer twice, and another then."""

LATER = "_later"
"""Behind the name of a probe, in its place: mouths are moved the other way."""

SHIFTS = ("REF_shift", "FRAME_shift")
"""Probes that move mouths either way."""

PROBES = (
    *dict.fromkeys(family.measure for family in FAMILIES if family.source is Source.PROBES),
    *(f"{name}{LATER}" for name in SHIFTS),
    *AGAIN,
    *SWAPPED_AGAIN,
)

POSES = ("source", "free")
"""Words of the column ``pose``: the head moves as in the source; the system poses it by itself."""

FIELDS = ("clip", "setup", "reference", "model")
"""What a pattern may name in braces."""

MANIFEST = "manifest.csv"
"""Name of the table in folders that we write."""

KEPT = "kept"
"""What stands in the column ``inputs`` of videos that a run kept: it says what they are, and they may be copies."""

EXPORT = "export.json"
"""Name of what says with which choices `lipleak export` wrote a folder."""

Word = TypeVar("Word", bound=StrEnum)

INPUTS = re.compile(r"[1-9]\d*-[0-9a-f]{16}")
"""What ``lipleak export`` writes to the column ``inputs``: frames, and a hash of what the model is given."""

BOX = re.compile(r"\s*(\d+)\s*[,; x]\s*(\d+)\s*[,; x]\s*(\d+)\s*[,; x]\s*(\d+)\s*")


@dataclass(frozen=True)
class TrialName:
    """One video that a model was to make.

    Args:
        clip: name of the real clip.
        condition: under which.
        probe: name of the probe whose changed input it was made from, or empty.
    """

    clip: str
    condition: Condition
    probe: str = ""

    def __str__(self) -> str:
        return f"{self.clip} [{self.condition}{f', {self.probe}' if self.probe else ''}]"


@dataclass(frozen=True)
class FinishedVideo:
    """One row.

    Args:
        where: file and line, for messages.
        output: the finished video; it may be missing.
        clip: name of the real clip that was edited.
        source: file of that clip, or None where another clip set holds it.
        audio: what drove it: a file, or one of ``OWN``, ``SILENCE``, ``TRACK``.
        model: who made it, or empty.
        setup: AM, XM or SI; None where it is still to be told from the audio.
        reference: CR or AR.
        probe: as in ``TrialName``.
        speaker: who is seen, or None.
        text: what is said in the clip, or None.
        box: of the output's picture, or None for all of it.
        source_box: of the source's picture.
        inputs: hash of what the model was to be given, as ``lipleak export`` wrote it; ``KEPT``, or empty.
        has_free_pose: whether the head follows no clip; the system poses it.
        partner: as in ``Condition``, where a clip was driven by several other speeches; told from the audio.
        called: how messages call it, where a table has others; see ``name``.
    """

    where: str
    output: Path
    clip: str
    source: Path | None = None
    audio: Path | str = TRACK
    model: str = ""
    setup: Setup | None = None
    reference: Reference = Reference.CR
    probe: str = ""
    speaker: str | None = None
    text: str | None = None
    box: Box | None = None
    source_box: Box | None = None
    inputs: str = ""
    has_free_pose: bool = False
    partner: int = 0
    # No part of what the row says: it hangs on the others.
    called: str = field(default="", compare=False, repr=False)

    @property
    def name(self) -> str:
        """What messages call the output: its file's name, with as many folders before it as tell it from the others."""
        return self.called or self.output.name

    @property
    def place(self) -> str:
        """The output for messages, and where it stands in the table, if there is one."""
        return self.name if self.where == str(self.output) else f"{self.name} ({self.where})"

    @property
    def is_planned(self) -> bool:
        """Whether ``lipleak export`` wrote what the model was to be given."""
        return self.inputs not in ("", KEPT)

    @property
    def trial(self) -> TrialName:
        """Which video it is; its setup must be known."""
        assert self.setup is not None
        return TrialName(self.clip, Condition(self.setup, self.reference, self.partner), self.probe)


@dataclass(frozen=True)
class FinishedTable:
    """All rows, of every model.

    Args:
        origin: what the user named.
        rows: at least one.
        says_reference: whether rows say which reference they were made with; else all count as CR.
        others: outputs of models whose rows were left out.
    """

    origin: str
    rows: tuple[FinishedVideo, ...]
    says_reference: bool = True
    others: frozenset[Path] = frozenset()
    models: tuple[str, ...] = field(init=False)
    """Names of the models, sorted; one empty name where the table has no such column."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", tuple(sorted({row.model for row in self.rows})))

    def of(self, model: str | None) -> "FinishedTable":
        """Return the rows of one model.

        Raises:
            InputError: there are several, and ``model`` names none of them.
        """
        if model is None and len(self.models) == 1:
            return self
        if model not in self.models or model is None:
            known = ", ".join(name or "''" for name in self.models)
            what = "which of its models?" if model is None else f"no model '{escaped(model)}'"
            raise InputError(
                f"{self.origin}: {what} Choose with --lipleak-model-arg model=NAME (`lipleak evaluate`: --model-arg "
                f"model=NAME, or --all-models); there are {known}{meant(model or '', self.models)}"
            )
        others = frozenset(row.output for row in self.rows if row.model != model)
        return replace(self, rows=tuple(row for row in self.rows if row.model == model), others=others)

    @property
    def names_sources(self) -> bool:
        """Whether the rows name the files of the real clips."""
        return any(row.source is not None for row in self.rows)


def read_finished(spec: str) -> FinishedTable:
    """Read what stands behind ``videos:``.

    Args:
        spec: a table (see ``tables.read_table``) with the column ``output`` and ``source`` or ``clip``, paths relative
            to it; a folder that holds such a table, ``manifest.csv``; or a pattern of file names with ``{clip}`` and
            any of ``{setup}``, ``{reference}``, ``{model}``.

    Raises:
        MissingDataError: there is no such file.
        InputError: it cannot be read, a column is missing, a cell cannot be understood, or two rows are one video.
    """
    if "{" in spec:
        rows, says_reference = _of_pattern(spec), "{reference}" in spec
    else:
        path = Path(spec).expanduser()
        folder = is_folder(path)
        path = path / MANIFEST if folder else path
        if not is_file(path):
            missing = f"the folder has no {MANIFEST}" if folder else "no such file"
            if path.name == MANIFEST and path.with_name(EXPORT).is_file():
                raise MissingDataError(
                    f"finished videos '{escaped(spec)}': `lipleak export` was cut off before it had written "
                    "everything; call it again, it goes on"
                )
            raise MissingDataError(
                f"finished videos '{escaped(spec)}': {missing}; name a table with the columns output and source, a "
                f"folder with a {MANIFEST}, or a pattern such as 'out/{{setup}}_{{reference}}/{{clip}}.mp4'"
                f"{meant_file(path)}"
            )
        read = list(read_table(path, required=["output"]))
        says_reference = any("reference" in row.cells for row in read)
        if read and not any({"source", "clip"} & row.cells.keys() for row in read):
            raise InputError(
                f"{path}: no column 'source'; name the real clip that each video was made from (or, with --clips, its "
                "name in a column 'clip')"
            )
        sources, given = (
            [row.cells[each] for row in read if each in row.cells] for each in ("source", "clip")
        )
        names = names_of(sources, given)
        rows = [_row(path, row, names) for row in read]
    if not rows:
        raise InputError(f"{spec}: 0 finished videos; expected at least one row or file")
    rows = _told_apart(rows)
    _refuse_doubles(rows)
    return FinishedTable(spec, tuple(rows), says_reference)


def _told_apart(rows: Sequence[FinishedVideo]) -> list[FinishedVideo]:
    """Give every output the shortest end of its path that no other output has."""
    paths = {row.output: row.output.as_posix().split("/") for row in rows}
    ends = Counter("/".join(parts[-count:]) for parts in paths.values() for count in range(1, len(parts) + 1))
    called = {
        path: next(
            (end for count in range(1, len(parts) + 1) if ends[end := "/".join(parts[-count:])] == 1),
            str(path),
        )
        for path, parts in paths.items()
    }
    return [replace(row, called=called[row.output]) for row in rows]


def check_finished(spec: str, model: str | None) -> None:
    """Refuse, before anything is decoded, what cannot be judged; raises as ``read_finished`` and ``of`` do.

    Raises:
        InputError: not one of the videos is there.
    """
    table = read_finished(spec)
    rows = table.of(model).rows if model is not None else table.rows
    if not any(is_file(row.output) for row in rows):
        raise InputError(
            f"{table.origin}: none of its {counted(len(rows), 'video')} is there; the first would be {rows[0].output}; "
            f"paths in the column 'output' are relative to the table{meant_file(rows[0].output)}"
        )


def _refuse_doubles(rows: Sequence[FinishedVideo]) -> None:
    met: dict[tuple[object, ...], FinishedVideo] = {}
    files: dict[str, FinishedVideo] = {}
    for row in rows:
        # One file, however it is written.
        path = os.path.normpath(row.output)
        # Without a setup, the audio tells them apart, or what is heard in them: known later. So it does with several
        # partners under other speech.
        told = row.setup if row.setup is not Setup.XM or row.audio == TRACK else None
        key = (row.model, row.clip, told or row.audio or row.output, row.reference, row.probe)
        if key in met:
            raise _two_rows(met[key], row)
        met[key] = row
        if path in files and files[path].box == row.box:
            raise InputError(
                f"{row.where}: the output {row.name} stands in two rows, here and in {files[path].where}; "
                "one video has one row"
            )
        files[path] = row


def _two_rows(one: FinishedVideo, other: FinishedVideo) -> InputError:
    what = f"{other.clip} [{other.setup or '?'},{other.reference}{f', {other.probe}' if other.probe else ''}]"
    return InputError(
        f"{other.where}: a second video of {what}, after {one.where} ({one.name}, {other.name}); "
        "keep one row, or, where other speech of several people drove a clip, name each in the column 'audio'"
    )


def by_trial(rows: Iterable[FinishedVideo]) -> dict[TrialName, FinishedVideo]:
    """Return rows whose setups are all known, by trial; refuses two of one trial."""
    found: dict[TrialName, FinishedVideo] = {}
    for row in rows:
        if row.trial in found:
            raise _two_rows(found[row.trial], row)
        found[row.trial] = row
    return found


def _row(table: Path, row: Row, names: Mapping[str, str]) -> FinishedVideo:
    """Understand a row; ``names``: of clips, by what the column ``source`` calls their files."""
    cells, where = row.cells, row.where
    if "output" not in cells:
        raise InputError(
            f"{where}: the column 'output' is empty; name the finished video, whether or not it is there"
        )
    source = _existing(table, row, "source") if "source" in cells else None
    if source is None and "clip" not in cells:
        raise InputError(f"{where}: names neither a source nor a clip; name the real clip that was edited")
    name = cells.get("clip") or names[cells["source"]]
    for column in ("speaker", "model", "probe"):
        if column in cells:
            check_printable(cells[column], where, column)
    audio = _audio(table, row)
    setup = _one_of(Setup, cells["setup"], where, "setup") if "setup" in cells else _setup_of(audio)
    _refuse_contradiction(setup, audio, where)
    probe = cells.get("probe", "")
    if probe and probe not in PROBES:
        raise InputError(
            f"{where}: unknown probe '{escaped(probe)}'; known are {', '.join(PROBES)}{meant(probe, PROBES)}"
        )
    inputs = cells.get("inputs", "")
    if inputs not in ("", KEPT) and not INPUTS.fullmatch(inputs):
        raise InputError(
            f"{where}: inputs '{escaped(inputs[:80])}' is nothing that `lipleak export` or --lipleak-keep writes; "
            "leave the column as it was written, or out"
        )
    if (probe or setup is Setup.PA) and inputs in ("", KEPT):
        raise InputError(
            f"{where}: a video of a probe, or of speech with pauses (PA), needs the column 'inputs', which "
            "`lipleak export` writes: it says what the model was given"
        )
    return FinishedVideo(
        where,
        _output(table, cells["output"]),
        check_name(name, where),
        source,
        audio,
        cells.get("model", ""),
        setup,
        _one_of(Reference, cells["reference"], where, "reference") if "reference" in cells else Reference.CR,
        probe,
        cells.get("speaker") or cells.get("person"),
        cells.get("text"),
        _box(row, "box"),
        _box(row, "source_box"),
        inputs,
        free_pose(cells.get("pose", POSES[0]), where),
    )


def free_pose(text: str, where: str) -> bool:
    """Whether a table or an argument says that heads are posed by the system itself.

    Raises:
        InputError: it says something else.
    """
    if text.lower() not in POSES:
        raise InputError(
            f"{where}: pose '{escaped(text[:80])}' is none of {', '.join(POSES)}; write free where the system poses "
            f"the head by itself, else nothing{meant(text, POSES)}"
        )
    return text.lower() == POSES[1]


def _output(table: Path, name: str) -> Path:
    """The file of an output, whatever the ending of what is there; the named one where nothing is."""
    if found := file_beside(table.parent, name):
        return found
    path = table.parent / name.replace("\\", "/")
    others = [other for suffix in sorted(VIDEO_SUFFIXES) if is_file(other := path.with_suffix(suffix))]
    return others[0] if len(others) == 1 else path


def _existing(table: Path, row: Row, column: str) -> Path:
    found = file_beside(table.parent, row.cells[column])
    if found is None:
        shown = escaped(row.cells[column][:200])
        raise InputError(
            f"{row.where}: {column} '{shown}' is not a file; paths are relative to the table, and only outputs may be "
            f"missing{meant_file(table.parent / row.cells[column])}"
        )
    return found


def _audio(table: Path, row: Row) -> Path | str:
    text = row.cells.get("audio", TRACK)
    if text.lower() in (OWN, SILENCE) and file_beside(table.parent, text) is None:
        return text.lower()
    return _existing(table, row, "audio") if text else TRACK


def _setup_of(audio: Path | str) -> Setup | None:
    return {OWN: Setup.AM, SILENCE: Setup.SI}.get(str(audio))


def _refuse_contradiction(setup: Setup | None, audio: Path | str, where: str) -> None:
    told = _setup_of(audio)
    if told is not None and setup is not told:
        raise InputError(
            f"{where}: setup {setup} contradicts audio '{audio}', which is {told}; correct one of the two"
        )


def _one_of(kind: type[Word], text: str, where: str, column: str) -> Word:
    try:
        return kind(text.upper())
    except ValueError:
        raise InputError(
            f"{where}: {column} '{escaped(text[:80])}' is none of {', '.join(kind)}{meant(text, kind)}"
        ) from None


def _box(row: Row, column: str) -> Box | None:
    if column not in row.cells:
        return None
    match = BOX.fullmatch(row.cells[column])
    if match is None or not int(match[3]) or not int(match[4]):
        raise InputError(
            f"{row.where}: {column} '{escaped(row.cells[column][:80])}' is no box; write x,y,width,height in pixels, "
            'in double quotes where commas separate the columns: "256,0,256,256"'
        )
    return Box(*map(int, match.groups()))


def _of_pattern(pattern: str) -> list[FinishedVideo]:
    """Find the files that a pattern means; what is in braces is read from their names."""
    fields = re.findall(r"\{([^{}]*)\}", pattern)
    unknown = [name for name in fields if name not in FIELDS]
    if unknown or "clip" not in fields:
        wrong = f"'{{{escaped(unknown[0])}}}' means nothing" if unknown else "it lacks {clip}"
        raise InputError(
            f"finished videos '{escaped(pattern)}': {wrong}; a pattern has {{clip}} and any of "
            f"{', '.join(f'{{{name}}}' for name in FIELDS[1:])}{meant(unknown[0], FIELDS) if unknown else ''}"
        )
    fixed = pattern[: pattern.index("{")].rpartition("/")[0]
    root = Path(fixed or ("/" if pattern.startswith("/") else ".")).expanduser()
    if not is_folder(root):
        raise MissingDataError(f"finished videos '{escaped(pattern)}': no folder {root}{meant_file(root)}")
    below = pattern[len(fixed) :].lstrip("/")
    expression = _expression(below)
    rows = []
    for path in sorted(root.rglob("*")):
        match = expression.fullmatch(path.relative_to(root).as_posix())
        if match is not None and is_file(path):
            rows.append(_matched(path, match.groupdict()))
    if not rows:
        raise MissingDataError(
            f"finished videos '{escaped(pattern)}': no file below {root} is named so; setups are AM, XM, SI, "
            "references CR, AR"
        )
    return rows


def _expression(pattern: str) -> re.Pattern[str]:
    kinds = {"clip": ".+", "setup": "am|xm|si", "reference": "cr|ar", "model": "[^/]+"}
    met: set[str] = set()
    text = ""
    for literal, name in re.findall(r"([^{}]*)(?:\{(\w+)\})?", pattern):
        text += re.escape(literal)
        if name:
            # A name that stands twice means the same at both places.
            text += f"(?P={name})" if name in met else f"(?P<{name}>{kinds[name]})"
            met.add(name)
    return re.compile(text, re.IGNORECASE)


def _matched(path: Path, found: dict[str, str]) -> FinishedVideo:
    where = str(path)
    setup = Setup(found["setup"].upper()) if found.get("setup") else None
    return FinishedVideo(
        where,
        path,
        check_name(found["clip"], where),
        # What drove it under own speech and under silence follows; other speech must be heard in it.
        audio={Setup.AM: OWN, Setup.SI: SILENCE}.get(setup, TRACK) if setup else TRACK,
        model=found.get("model") or "",
        setup=setup,
        reference=Reference(found["reference"].upper()) if found.get("reference") else Reference.CR,
    )


def named_in(clips: Sequence[str], name: str) -> str | None:
    """Return the clip that a table or a file name means: by its name, its place without the ending, or the stem that
    files of it have; None for none, or where several could be meant.
    """
    return _named(_called(clips), name)


def _called(clips: Sequence[str]) -> list[dict[str, str | None]]:
    """By each way to name a clip, which one is meant; None where several are called so."""
    ways = []
    for means in (lambda clip: clip, file_stem, lambda clip: PurePosixPath(clip).name):
        called: dict[str, str | None] = {}
        for clip in clips:
            name = means(clip)
            called[name] = None if name in called else clip
        ways.append(called)
    return ways


def _named(ways: Sequence[Mapping[str, str | None]], name: str) -> str | None:
    for called in ways:
        if name in called:
            return called[name]
    short = PurePosixPath(name).name
    return _named(ways, short) if short != name else None


def rows_with_clips(table: FinishedTable, clips: Sequence[str], origin: str) -> Iterator[FinishedVideo]:
    """Yield the rows with their clips as a clip set names them.

    Raises:
        InputError: a row means no clip of the set.
    """
    known: dict[str, str | None] = {}
    # Once for all rows: there may be ten thousand.
    ways = _called(clips)
    for row in table.rows:
        if row.clip not in known:
            known[row.clip] = _named(ways, row.clip)
        found = known[row.clip]
        if found is None:
            raise InputError(
                f"{row.where}: no clip '{escaped(row.clip)}' in {origin} (known: {named(clips)}); name the "
                "clips that the videos were made from with --lipleak-clips, or their files in a column 'source'"
                f"{meant(row.clip, clips)}"
            )
        yield replace(row, clip=found)
