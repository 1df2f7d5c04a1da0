"""Makes an exported ONNX file the shipped release: copies it, binds its hash, renews the golden numbers.

python -m research.training.release RUN/embedded.onnx
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = ROOT / "tests" / "sync"
MODULE = ROOT / "pytest_lipleak" / "sync" / "embedded.py"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("onnx", type=Path)
    content = parser.parse_args().onnx.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    source = MODULE.read_text()
    if sha256 in source:
        print("already the release")
        return
    number = int(re.search(r'RELEASE = "(\d+)"', source)[1]) + ("unreleased" not in source)
    source = re.sub(r'RELEASE = "\d+"', f'RELEASE = "{number}"', source)
    MODULE.write_text(re.sub(r'RELEASE_SHA256 = "\w+"', f'RELEASE_SHA256 = "{sha256}"', source))
    target = ROOT / "fixtures" / "expert" / "embedded.onnx"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    write_golden(sha256)
    print(f"release {number}: {sha256}, {len(content):,} bytes")


def write_golden(sha256: str) -> None:
    """A few embeddings of drawn inputs; the tests compare them on every machine."""
    sys.path.insert(0, str(TESTS))
    from drawn_inputs import drawn_mouth, speech_like

    from pytest_lipleak.sync.embedded import EmbeddedExpert

    expert = EmbeddedExpert(ROOT / "fixtures" / "expert" / "embedded.onnx")
    rows = {"video": expert.embed_video(drawn_mouth()), "audio": expert.embed_audio(speech_like())}
    golden = {
        name: np.round(value[[0, 17]][:, ::16].astype(float), 4).tolist() for name, value in rows.items()
    }
    (TESTS / "golden_embedded.json").write_text(json.dumps({"sha256": sha256, **golden}, indent=1) + "\n")


if __name__ == "__main__":
    main()
