"""Who this process is within its run."""

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One process of a run.

    Args:
        run: identifies the run; its processes share it.
        number: of this process among those that measure, from 0.
        count: how many measure.
        is_controller: whether it checks and clears away for all.
        shares_model: whether other processes of the run use the model, too.
        start: the folder in which the run was started; reports name paths from there.
    """

    run: str = field(default_factory=lambda: os.urandom(16).hex())
    number: int = 0
    count: int = 1
    is_controller: bool = True
    shares_model: bool = False
    start: Path = field(default_factory=Path.cwd)

    def naming(self, path: Path | str) -> str:
        """Return a path as people should read it: from where the run was started, where it lies below."""
        return os.path.relpath(path, self.start) if Path(path).is_relative_to(self.start) else str(path)
