"""The sync expert that judges a run: which one, why, under which protocol; loaded when first needed."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_lipleak.run.device import Device
from pytest_lipleak.settings.options import Scoring

if TYPE_CHECKING:
    from pytest_lipleak.core.clips import Video
    from pytest_lipleak.media.clipsets import ClipSet
    from pytest_lipleak.sync.expert import SyncExpert


LOOKED_AT = 12
"""Where ``auto`` chooses the protocol, it looks at so many clips at most."""


class ChosenExpert:
    """The sync expert of a run.

    Args:
        scoring: what the settings say of it.
        has_rendered_clips: says whether the clips are the embedded ones.
        device: where it runs.
        clips: by which ``auto`` chooses a protocol.
    """

    def __init__(
        self,
        scoring: Scoring,
        has_rendered_clips: "Callable[[], bool]",
        device: Device,
        clips: "Callable[[], ClipSet]",
    ) -> None:
        self._scoring = scoring
        self._has_rendered_clips = has_rendered_clips
        self._clips = clips
        self._device = device

    @cached_property
    def _choice(self) -> tuple[str, str]:
        from pytest_lipleak.sync.experts import choose_expert

        scoring = self._scoring
        return choose_expert(scoring.expert, scoring.weights, rendered_clips=self._has_rendered_clips())

    @property
    def name(self) -> str:
        """Its name."""
        return self._choice[0]

    @property
    def reason(self) -> str:
        """Why it judges."""
        return self._choice[1]

    @property
    def protocol(self) -> str:
        """Name of the protocol in use."""
        return self._fitting[0]

    @property
    def protocol_reason(self) -> str:
        """Why ``auto`` took another protocol than the expert's own, or could not look; else empty."""
        return self._fitting[1]

    @cached_property
    def _fitting(self) -> tuple[str, str]:
        from pytest_lipleak.sync.experts import default_protocol

        if self._scoring.protocol != "auto":
            return self._scoring.protocol, ""
        default = default_protocol(self.name)
        if self._has_rendered_clips():
            return str(default), ""
        from pytest_lipleak.faces.framing import fitting_protocol

        protocol, reason = fitting_protocol(default, _pictures(self._clips()), self._scoring.weights)
        return str(protocol), reason

    @property
    def default_gates(self) -> tuple[str, ...]:
        """The limits that count where nobody gives any."""
        from pytest_lipleak.core.metrics.default_gates import DEFAULT_GATES
        from pytest_lipleak.sync.experts import registered_expert

        registered = registered_expert(self.name)
        own = registered.gates if self.protocol == registered.protocol else ()
        return tuple(DEFAULT_GATES.get((self.name, self.protocol), own))

    @cached_property
    def loaded(self) -> "SyncExpert":
        """The expert itself."""
        from pytest_lipleak.sync.experts import load_expert

        device = self._device.name
        return load_expert(
            self.name,
            self._scoring.weights,
            allow_unverified=self._scoring.allow_unverified_weights,
            device=device if device.startswith("cuda") else "cpu",
            threads=self._device.share_threads() or 0,
        )

    def refuse_unnamed(self, what: str) -> None:
        """Refuse ``what`` is on one expert's scale where nobody named the expert.

        Raises:
            ConfigurationError: nobody did.
        """
        from pytest_lipleak.sync.experts import refuse_unnamed

        refuse_unnamed(what, self.name, self.reason)

    def check_weights(self) -> None:
        """Look at its weights, without loading them.

        Raises:
            LipleakError: they are not there, or are others than the published ones.
        """
        from pytest_lipleak.sync.experts import check_weights

        scoring = self._scoring
        check_weights(self.name, scoring.weights, allow_unverified=scoring.allow_unverified_weights)


def _pictures(clips: "ClipSet") -> "Iterator[Video]":
    """The frames of some clips, evenly spread over the list; what cannot be read is somebody else's to refuse."""
    from pytest_lipleak.core.errors import LipleakError

    names = list(clips)
    for name in names[:: max(1, -(-len(names) // LOOKED_AT))]:
        with suppress(LipleakError):
            yield clips[name].video
