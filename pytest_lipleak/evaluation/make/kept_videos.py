"""Videos that are kept for people to look at."""

import os
from contextlib import suppress
from pathlib import Path

from pytest_lipleak.core.clips import Audio, Video
from pytest_lipleak.core.errors import StoreError
from pytest_lipleak.media.video import write_playable


def write_to_look_at(video: Video, audio: Audio, path: Path) -> None:
    """Write a trial to an MP4 file that people can play.

    Args:
        video: of the trial.
        audio: that drove it, or the clip's own.
        path: of the file.

    Raises:
        StoreError: the folder cannot be written to, or its disk is full; nothing half-written stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_playable(temporary, video, audio)
        temporary.replace(path)
    except OSError as error:
        raise StoreError(
            f"video to keep {path}: cannot be written ({error.strerror or error}); free some space, name another "
            "folder with --lipleak-keep, or leave it out; scores and artefacts that are finished stay"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
