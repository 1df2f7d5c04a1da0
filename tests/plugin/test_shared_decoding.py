"""Real clips are decoded once a run, over all workers; their sound is compared once for a store."""

from collections import Counter
from pathlib import Path

import pytest
from inner_pytest import Project

from pytest_lipleak.core.clips import Audio
from pytest_lipleak.media.clipsets import ClipSet
from pytest_lipleak.plan.pairing import ANY_SPEAKER, mismatched_pairs
from pytest_lipleak.run.run import Run
from pytest_lipleak.settings.resolve import make_settings

COUNTS = """
import os
from pathlib import Path

from pytest_lipleak.evaluation.make import run_pictures
from pytest_lipleak.media import decoding, timeline, video

run_pictures.LEAST_FREE = 0


def counted(module, name, kind, path_of):
    original = getattr(module, name)

    def call(*arguments, **options):
        file = f"{kind}-{Path(path_of(arguments[0])).stem}-{os.getpid()}-{os.urandom(4).hex()}"
        Path(os.environ["DECODED"], file).touch()
        return original(*arguments, **options)

    setattr(module, name, call)


counted(decoding, "read_video", "pictures", lambda timeline: timeline.path)
counted(timeline, "survey", "sound", lambda path: path)


def pytest_collection_finish(session):
    Path(os.environ["DECODED"], f"collected-{os.getpid()}").write_text(
        str(len([each for each in os.listdir(os.environ["DECODED"]) if each[:8] != "collecte"]))
    )
"""


@pytest.mark.parametrize("way", [("-n0",), ("-n2",)], ids=["alone", "n2"])
def test_pictures_are_decoded_once_a_run_over_all_workers(
    project: Project, monkeypatch: pytest.MonkeyPatch, way: tuple[str, ...]
) -> None:
    log = project.path / "decoded"
    log.mkdir()
    monkeypatch.setenv("DECODED", str(log))
    project.write(conftest=COUNTS)
    gates = [f"--lipleak-gate={limit}" for limit in ("LSD-CR < 50", "LSE-C_XO[CR] < 50", "LSE-D_S[AR] > 1")]
    run = project.measure("Copy", *gates, *way, "--lipleak-store=store", subprocess=True)
    assert run.counts == {"passed": 3}
    found = Counter("-".join(path.name.split("-")[:2]) for path in log.iterdir())
    assert {name: found[f"pictures-{name}"] for name in ("clip0", "clip1", "clip2")} == {
        "clip0": 1,
        "clip1": 1,
        "clip2": 1,
    }
    collected = {path.read_text() for path in log.iterdir() if path.name.startswith("collected")}
    # Workers do not wait for each other: one may measure already when the other has collected.
    assert "0" in collected, "nothing is decoded to collect"
    assert way == ("-n2",) or collected == {"0"}


def counted_sounds(clips: ClipSet, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    original = clips.speech

    def speech(name: str) -> Audio:
        heard.append(name)
        return original(name)

    monkeypatch.setattr(clips, "speech", speech)
    return heard


def test_a_second_run_decodes_no_sound_before_it_measures(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = {"model": "demo", "expert": "embedded", "clips": str(project.clips), "store": str(tmp_path / "s")}
    partners, decoded = [], []
    for _ in range(2):
        run = Run(make_settings(given, tmp_path, {}))
        heard = counted_sounds(run.clips, monkeypatch)
        partners.append((mismatched_pairs(run.clips, 0, ANY_SPEAKER), run.clips.copies))
        decoded.append(len(heard))
        run.close()
    assert partners[0] == partners[1]
    assert decoded[0] >= 3
    assert decoded[1] == 0
