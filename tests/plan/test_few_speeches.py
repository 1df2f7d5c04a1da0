"""Clip sets with too few speeches say so before anything is generated."""

import shutil
from pathlib import Path

import pytest

from pytest_lipleak.cli import main
from pytest_lipleak.evaluation.checks import clip_set
from pytest_lipleak.media.clipsets import EMBEDDED, ClipSet, open_clips
from pytest_lipleak.plan.few_speeches import few_speeches


def ring(names: list[str]) -> dict[str, tuple[str, ...]]:
    return {name: (other,) for name, other in zip(names, [*names[1:], names[0]], strict=True)}


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["anna_1", "mara_1"], "limits under other speech (LSE-C_XO@floor, LipCorr_XO) cannot be judged"),
        (["anna_1", "mara_1", "omar_1"], "there is 1 other recording to compare anna_1 with"),
        (["anna_1", "mara_1", "omar_1", "zola_1"], "there are 2 other recordings to compare anna_1 with"),
        (["anna_1", "mara_1", "omar_1", "zola_1", "zola_2"], None),
    ],
)
def test_recordings_beside_the_own_and_the_partners_are_counted(names: list[str], told: str | None) -> None:
    embedded = open_clips(EMBEDDED)
    clips = ClipSet([embedded.files[name] for name in names], "few")
    found = few_speeches(clips, ring(names))
    assert (found is None) == (told is None)
    if found is not None:
        assert told in found
        assert found.endswith(f"5 recordings let all limits be judged, and there are {len(names)}")


def test_two_partners_of_a_clip_are_left_aside_one_by_one() -> None:
    """A video that one of them drives may be compared with the other's speech."""
    embedded = open_clips(EMBEDDED)
    names = ["anna_1", "mara_1", "omar_1"]
    clips = ClipSet([embedded.files[name] for name in names], "few")
    found = few_speeches(clips, {"anna_1": ("mara_1", "omar_1")})
    assert found is not None
    assert "there is 1 other recording to compare anna_1 with" in found


def test_clips_and_export_say_it_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clip_set, "_detector", lambda rules: (None, "no face model at hand"))
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("anna_1", "mara_1"):
        shutil.copy(open_clips(EMBEDDED).files[name].video, folder)
    assert main(["clips", str(folder), "--expert=embedded"]) == 0
    first, few = capsys.readouterr().out.splitlines()[:2]
    assert "READY, but too few clips to judge every limit: 2 clips" in first
    assert few.startswith("few   limits under other speech")
    todo = tmp_path / "todo"
    assert (
        main(
            ["export", str(todo), f"--clips={folder}", "--expert=embedded", "--no-probes", "--references=CR"]
        )
        == 0
    )
    assert "lipleak: limits under other speech" in capsys.readouterr().err
    assert "Mind before you make anything: limits under other speech" in (todo / "README.md").read_text()
