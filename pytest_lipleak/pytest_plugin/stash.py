"""Under which keys the plugin's own lie on pytest's stash."""

from typing import TYPE_CHECKING

import pytest

from pytest_lipleak.settings.options import Settings

if TYPE_CHECKING:
    from pytest_lipleak.machine.exit_guard import ExitGuard
    from pytest_lipleak.pytest_plugin.session import LipleakSession

KEY: "pytest.StashKey[LipleakSession]" = pytest.StashKey()
"""What the plugin knows during a run; not there in one that never asks for it."""

GUARD: "pytest.StashKey[ExitGuard]" = pytest.StashKey()
"""What lets the process end with status 0 only when the run has passed."""

SETTINGS: pytest.StashKey[Settings] = pytest.StashKey()
"""The settings as they were when pytest was configured."""
