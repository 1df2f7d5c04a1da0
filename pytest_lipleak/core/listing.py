"""What became of the files that were found for a clip set."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_lipleak.core.names import escaped
from pytest_lipleak.core.number_words import counted, named


@dataclass(frozen=True)
class Listing:
    """How many files there were for a clip set, and which of them are no clips of it.

    Args:
        taken: how many files are clips.
        left_out: why each other file is none, by its name below the folder.
    """

    taken: int
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def found(self) -> int:
        """How many files there were."""
        return self.taken + len(self.left_out)

    @property
    def summary(self) -> str:
        """One sentence with all numbers, and the names behind the commonest reasons."""
        said = f"{counted(self.found, 'file')} found, {self.taken} taken"
        if not self.left_out:
            return said
        reasons = Counter(self.left_out.values())
        parts = []
        for reason, count in reasons.most_common():
            names = [escaped(name) for name, why in self.left_out.items() if why == reason]
            parts.append(f"{count} {reason} ({named(names)})")
        return f"{said}, {len(self.left_out)} left out: {'; '.join(parts)}"

    def without_copies(self, copies: Mapping[str, str]) -> "Listing":
        """Return the listing without clips that are others again: copy and original, by clip name."""
        said = {
            name: f"a copy of {original} in sound and picture, which counts once"
            for name, original in copies.items()
        }
        return Listing(self.taken - len(copies), {**self.left_out, **said})

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-ready data; ``from_dict`` reads it back."""
        return {"found": self.found, "taken": self.taken, "left_out": dict(self.left_out)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Listing":
        """Read what ``to_dict`` wrote."""
        return cls(data["taken"], dict(data["left_out"]))
