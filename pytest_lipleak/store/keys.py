"""Keys of artefacts: a hash of everything that they depend on."""

import hashlib
import json
from functools import cache
from typing import Any

from pytest_lipleak.machine.libraries import version_of

STORE_FORMAT = 10
"""Part of every key; raise it when what is stored changes its meaning."""


def key_of(**parts: Any) -> str:
    """Hash everything that an artefact depends on; parts must be JSON-ready."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def versions_of(*packages: str) -> dict[str, str | None]:
    """Return the installed versions of libraries that an artefact's content depends on, for its key."""
    return {package: _version(package) for package in packages}


_version = cache(version_of)
