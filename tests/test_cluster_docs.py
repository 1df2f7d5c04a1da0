"""The scripts of docs/clusters.md, run as they stand by a stand-in for ``sbatch``."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from doc_blocks import ROOT, blocks

from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from pytest_lipleak.media.video import write_video

pytestmark = pytest.mark.slow

SBATCH = '''#!{python}
"""Runs at once what a scheduler would run later: each task of an array, or a command that is wrapped."""
import os
import re
import subprocess
import sys
from pathlib import Path

given = sys.argv[1:]
if "--wrap" in given:
    assert any(each == "--dependency=afterok:7" for each in given), given
    sys.exit(subprocess.run(["bash", "-c", given[given.index("--wrap") + 1]]).returncode)
script = Path(given[-1])
first, last = map(int, re.search(r"#SBATCH --array=(\\d+)-(\\d+)", script.read_text()).groups())
for task in range(first, last + 1):
    numbers = {{"SLURM_ARRAY_TASK_ID": str(task), "SLURM_ARRAY_TASK_COUNT": str(last - first + 1)}}
    ended = subprocess.run(["bash", script], env=os.environ | numbers, stdout=sys.stderr)
    if ended.returncode:
        sys.exit(ended.returncode)
print(7)
'''
MODEL = "from pytest_lipleak.generators.control_generators import demo\n\n\ndef load():\n    return demo()\n"
FRAMES = 75


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm: None) -> Path:
    """What the reader of the page has: a model, clips, and a cluster of two."""
    (tmp_path / "bin").mkdir()
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.write_text(SBATCH.format(python=sys.executable))
    sbatch.chmod(0o755)
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "lipsync.py").write_text(MODEL)
    (tmp_path / "clips").mkdir()
    embedded = open_clips(EMBEDDED)
    for name in ("anna_1", "mara_2", "omar_1", "omar_2"):
        clip = embedded[name]
        write_video(
            tmp_path / "clips" / f"{name}.mkv", clip.frames[:FRAMES, ::2, ::2], clip.audio[: 640 * FRAMES]
        )
    path = os.pathsep.join([str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    return tmp_path


def run(here: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=here, capture_output=True, text=True)


def scripts() -> list[str]:
    found = [block.code for block in blocks(ROOT / "docs" / "clusters.md") if block.language == "bash"]
    assert len(found) == 2
    assert "--array=1-8" in found[0]
    return found


def test_a_slurm_array_and_the_job_behind_it(here: Path) -> None:
    part, whole = scripts()
    part = part.replace("--array=1-8", "--array=1-2").replace("--clips", "--seed 3 --pairing any --clips")
    (here / "measure.sh").write_text(part)
    done = run(here, "bash", "-c", whole)
    report = json.loads((here / "scores.json").read_text())
    assert len(list((here / "parts").glob("*.json"))) == 2
    single = part.partition("lipleak evaluate")[2].partition("--json")[0].replace("\\\n", " ")
    alone = run(here, "bash", "-c", f"lipleak evaluate {single} --json alone.json")
    assert done.returncode == alone.returncode, done.stdout + done.stderr + alone.stdout + alone.stderr
    one = json.loads((here / "alone.json").read_text())
    assert report["verdict"] == one["verdict"] != "not judged"
    assert report["results"][0]["metrics"] == one["results"][0]["metrics"]


def test_an_array_that_counts_from_zero_is_refused(here: Path) -> None:
    part, whole = scripts()
    (here / "measure.sh").write_text(part.replace("--array=1-8", "--array=0-7"))
    done = run(here, "bash", "-c", f"set -e\n{whole}")
    assert done.returncode == 2
    assert "'0/8' is no part; write I/N with I from 1 to N" in done.stderr
    assert not (here / "scores.json").exists()
