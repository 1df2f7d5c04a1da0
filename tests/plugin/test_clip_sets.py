"""What becomes of a user's folder is said in the header and in every report."""

import os
import shutil
import sys
from dataclasses import replace

import pytest
from inner_pytest import Project

from pytest_lipleak.report.json import read_document

SAID = r"8 files found, 3 taken, 5 left out: "


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes as POSIX has them")
def test_files_that_are_left_out_are_named_everywhere(project: Project) -> None:
    folder = project.path / "mine"
    shutil.copytree(project.clips, folder)
    (folder / "._clip0.mkv").write_bytes(b"")
    (folder / "notes.dat").write_bytes(b"")
    (folder / "clip0.txt").write_text("Text: hello\n")
    (folder / "gone.mp4").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.mkv")
    shutil.copy(folder / "clip1.mkv", folder / "copy_of_1.mkv")
    page = project.path / "page.html"
    run = replace(project, clips=folder).measure(
        "Copy", "--lipleak-gate=LSE-C_S < 50", f"--lipleak-html={page}"
    )
    assert run.lines(r"^lipleak: 8 files found, 4 taken, 4 left out: ")
    assert run.lines(
        rf"^{SAID}.*1 hidden \(\._clip0\.mkv\).*1 a copy of clip1 in sound and picture, which counts once \(copy_of_1\)"
    )
    assert "8 files found, 3 taken, 5 left out" in page.read_text(encoding="utf-8")
    (corpus,) = read_document(run.json)
    assert corpus.provenance.clip_names == ("clip0", "clip1", "clip2"), "a copy counts once"
    assert corpus.provenance.listing == {
        "found": 8,
        "taken": 3,
        "left_out": {
            "._clip0.mkv": "hidden",
            "notes.dat": "of the ending .dat, which is no video's",
            "gone.mp4": "link to nothing",
            "pipe.mkv": "no file but a pipe, socket or device",
            "copy_of_1": "a copy of clip1 in sound and picture, which counts once",
        },
    }
