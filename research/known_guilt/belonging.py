"""Whether right files, re-posed ones too, are told from wrong ones when finished videos are laid on their clips.

    python -m research.known_guilt.belonging --shared FOLDER --work FOLDER [--sets NAME ...] [--pairs 8 | --swaps]

Right files are clips that were changed as models and codecs change them, their heads re-posed or drawn anew from one
frame. Wrong files are other clips of the set, and other stretches of the same recording (``stretches``). No limit was
chosen on ``wild`` or on published videos.

``--pairs N`` lays what was made of each of N clips on each of them, and prints the quick movements' correlations.
``--swaps`` asks of heads that follow nobody, with all sets in one table: is each known as its own clip's, and any other
clip's not?
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pytest_lipleak.core.clips import Clip, Frames
from pytest_lipleak.evaluation.make.crops import Cropper
from pytest_lipleak.evaluation.make.finished_alignment import Laid, lay, of_another
from pytest_lipleak.faces.lookalikes import likeness, traits_of
from pytest_lipleak.faces.small_faces import grey_faces
from pytest_lipleak.media.clipsets import open_clips
from pytest_lipleak.sync.protocols import Protocol
from research.known_guilt.clip_sets import _face, prepared
from research.known_guilt.finishes import FINISHES

Change = Callable[[Frames], Frames]
STRETCHES = "stretches"
STRETCH = 60
"""Frames of a stretch of a recording of ``clips/``."""

UPPER = 0.6
"""Share of the height in which points of the head are followed."""

WRONG = ("as it is", "re-posed")
"""Changes of wrong files."""

ANEW = (
    "re-posed", "turned to the left", "whole frame jittered", "drawn from one frame, smooth",
    "drawn from one frame, trembling",
)  # fmt: skip
"""Changes after which heads are not where the clip's is."""


def seen_from(right: float, down: float, degrees: float, size: float) -> NDArray[np.float64]:
    """Return the affine map (2, 3) of a frame of 160 x 160 whose head is moved, turned and of another size."""
    turn = np.asarray(cv2.getRotationMatrix2D((80, 80), degrees, size), np.float64)
    turn[:, 2] += right, down
    return turn


def moved(turn: NDArray[np.float64]) -> Change:
    """The whole head is shown elsewhere."""
    return lambda frames: np.stack([_warped(frame, np.vstack([turn, [0, 0, 1]])) for frame in frames])


def yawed(share: float) -> Change:
    """The whole head is turned aside, in perspective."""

    def change(frames: Frames) -> Frames:
        height, width = frames.shape[1:3]
        by = abs(share) * height
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        turned = np.array(
            [[by, by / 2], [width - by / 3, 0], [width - by / 3, height], [by, height - by / 2]], np.float32
        )
        if share < 0:
            turned = np.array([width, 0], np.float32) + turned[[1, 0, 3, 2]] * np.array([-1, 1], np.float32)
        warp = cv2.getPerspectiveTransform(corners, turned)
        return np.stack([_warped(frame, warp) for frame in frames])

    return change


def drawn_from_one_frame(turn: NDArray[np.float64], smooth: float, tremble: float) -> Change:
    """The head of the first frame, moved as the clip's head moves: what one-shot systems show.

    Args:
        turn: from where it is seen.
        smooth: sigma over time of its pose, in frames.
        tremble: and of its noise, in pixels of 160.
    """

    def change(frames: Frames) -> Frames:
        poses = _poses(frames)
        reach = np.arange(-6, 7)
        weights = np.exp(-(reach**2) / (2 * smooth**2)) if smooth else (reach == 0).astype(float)
        weights /= weights.sum()
        flat = np.pad(poses.reshape(len(poses), -1), ((6, 6), (0, 0)), mode="edge")
        poses = np.stack([np.convolve(each, weights, "valid") for each in flat.T], axis=1).reshape(-1, 2, 3)
        poses[:, :, 2] += np.random.default_rng(3).normal(0, tremble, (len(poses), 2))
        outer = np.vstack([turn, [0, 0, 1]])
        return np.stack([_warped(frames[0], outer @ np.vstack([pose, [0, 0, 1]])) for pose in poses])

    return change


def _warped(frame: NDArray[np.uint8], warp: NDArray[np.floating]) -> NDArray[np.uint8]:
    size = frame.shape[1::-1]
    return np.asarray(cv2.warpPerspective(frame, warp, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _poses(frames: Frames) -> NDArray[np.float64]:
    """The similarity from the first frame to each, of points that are followed in the upper face, (T, 2, 3)."""
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    points = cv2.goodFeaturesToTrack(grey[0][: round(UPPER * len(grey[0]))], 120, 0.01, 3).astype(np.float32)
    poses = [np.eye(2, 3)]
    for image in grey[1:]:
        where, found, _ = cv2.calcOpticalFlowPyrLK(grey[0], image, points, points.copy(), winSize=(21, 21))
        good = found.ravel() == 1
        pose, _ = cv2.estimateAffinePartial2D(points[good], where[good], ransacReprojThreshold=2)
        poses.append(poses[-1] if pose is None else pose)
    return np.stack(poses)


STRAIGHT = seen_from(0, 0, 0, 1)
CHANGES: Mapping[str, Change] = {
    "as it is": lambda frames: frames,
    **{
        name: FINISHES[name]
        for name in (
            "H.264 crf 23", "H.264 crf 35", "noise 10", "whole frame at half size", "whole face restored",
            "whole frame jittered", "averaged over three frames", "whole face recoloured", "half frame rate",
            "every third frame, blended between", "re-posed",
        )
    },
    "larger, turned by 6 degrees": moved(seen_from(6, -5, 6, 1.15)),
    "smaller, turned by 5 degrees": moved(seen_from(-3, 4, -5, 0.85)),
    "turned to the left": yawed(0.12),
    "turned to the right": yawed(-0.12),
    "drawn from one frame": drawn_from_one_frame(STRAIGHT, 0, 0),
    "drawn from one frame, smooth": drawn_from_one_frame(seen_from(3, -2, 3, 1.05), 1.5, 0.1),
    "drawn from one frame, trembling": drawn_from_one_frame(seen_from(5, -4, -6, 1.15), 1, 0.3),
}  # fmt: skip
"""What is done to right files. The codec's and the whole frame's changes stand for models that keep the head."""


def clips_of(name: str, shared: Path, work: Path) -> list[tuple[str, Frames]]:
    """Return who is seen and the frames, (T, 160, 160, 3), of every clip of a set."""
    if name != STRETCHES:
        clips = prepared(name, shared, work)
        return [(clips.files[each].speaker or each, clips[each].frames) for each in clips]
    found = []
    for path in (*sorted((shared / "clips").glob("[!g]*.mp4")), shared / "clips/syncnet_example.avi"):
        recording = open_clips(path)
        frames = _face(recording[next(iter(recording))], shared / "weights")
        found += [
            (path.stem, frames[at * STRETCH : (at + 1) * STRETCH]) for at in range(len(frames) // STRETCH)
        ]
    return found


def _enlarged(frames: Frames) -> Frames:
    return np.stack([cv2.resize(each, (160, 160), interpolation=cv2.INTER_CUBIC) for each in frames])


def judged(clips: list[tuple[str, Frames]], every: int) -> Iterator[tuple[str, str, Laid]]:
    """Yield, for every file, its change, whether it is ``right``, of the same ``person`` or of an ``other``, and how it
    was laid.

    Args:
        clips: who is seen, and the frames.
        every: right files of every so many clips, and for each clip so many times fewer wrong ones, those of the same
            person first.
    """
    places = range(len(clips))
    for name, change in CHANGES.items():
        files = {at: change(clips[at][1]) for at in places if name in WRONG or not at % every}
        for at, (who, frames) in enumerate(clips):
            others = sorted(
                (place != at, clips[place][0] != who, (place - at) % len(clips)) for place in places
            )
            wrong = [(at + step) % len(clips) for other, _, step in others if other][: len(clips) // every]
            for place in [at, *wrong] if name in WRONG else [at]:
                if place not in files or (place == at and at % every):
                    continue
                kind = "right" if place == at else "person" if who == clips[place][0] else "other"
                clip = Clip(who, frames, np.zeros(640 * len(frames), np.int16))
                # A few grey levels, so that it is not refused as the clip itself.
                file = np.where(files[place] > 250, files[place], files[place] + 4).astype(np.uint8)
                yield name, kind, lay(clip, file, Cropper(Protocol.DIRECT))


def paired(clips: list[tuple[str, Frames]], count: int) -> Iterator[tuple[str, str, Laid]]:
    """Yield as ``judged``: what was made of each of ``count`` clips, laid on each of them."""
    chosen = clips[:: max(1, len(clips) // count)][:count]
    whole = [Clip(who, frames, np.zeros(640 * len(frames), np.int16)) for who, frames in chosen]
    for name in ANEW:
        for at, (who, frames) in enumerate(chosen):
            file = np.minimum(CHANGES[name](frames), 251) + np.uint8(4)
            for place, clip in enumerate(whole):
                kind = "right" if place == at else "person" if who == clip.name else "other"
                yield name, kind, lay(clip, file, Cropper(Protocol.DIRECT))


def posed_by_another(frames: Frames, other: Frames, seed: int) -> Frames:
    """The head of the first frame, moved as another recording's head and turned anew, other lips in it."""
    draw = np.random.default_rng(seed)
    poses, side = _poses(other), len(frames[0])
    turn = np.asarray(
        cv2.getRotationMatrix2D((side / 2, side / 2), draw.uniform(-6, 6), draw.uniform(0.95, 1.15)),
        np.float64,
    )
    turn[:, 2] += draw.uniform(-0.03 * side, 0.03 * side, 2)
    colours = np.cumsum(draw.normal(0, 8, (len(frames), 3)), axis=0)
    colours = 128 + 60 * np.tanh((colours - colours.mean(axis=0)) / 60)
    lips = slice(round(0.52 * side), round(0.66 * side)), slice(round(0.36 * side), round(0.64 * side))
    made = []
    for at, colour in enumerate(colours):
        head = frames[0].copy()
        head[lips] = colour
        pose = np.vstack([poses[at % len(poses)], [0, 0, 1]])
        made.append(_warped(head, np.vstack([turn, [0, 0, 1]]) @ pose))
    return np.stack(made)


FREE: Mapping[str, Callable[[Frames, Frames, int], Frames]] = {
    "posed by another recording": posed_by_another,
    "posed by another recording, turned to the left": lambda frames, other, seed: CHANGES["turned to the left"](
        posed_by_another(frames, other, seed)
    ),
    **{
        name: lambda frames, other, seed, change=CHANGES[name]: change(frames)
        for name in ("drawn from one frame, trembling", "drawn from one frame, smooth", "re-posed")
    },
}  # fmt: skip
"""What systems show that pose the head by themselves, or nearly so."""


def swapped(
    clips: list[tuple[str, Frames]], drivers: list[Frames], every: int
) -> Iterator[tuple[str, str, bool]]:
    """Yield, for every file and every clip that a table may name for it: how the file was made, whether the clip is
    the ``right`` one, of the same ``person`` or of an ``other``, and whether it is refused among all clips.
    """
    faces = {str(at): grey_faces(frames) for at, (_, frames) in enumerate(clips)}
    traits = {name: traits_of(each) for name, each in faces.items()}
    for kind, make in FREE.items():
        for at in range(0, len(clips), every):
            who, frames = clips[at]
            shown = grey_faces(make(frames, drivers[at % len(drivers)], at))
            found = likeness(shown, traits)
            for place, (other, _) in enumerate(clips):
                whose = "right" if place == at else "person" if other == who else "other"
                yield kind, whose, of_another(str(place), found) is not None


def print_swaps(sets: list[str], clips: list[tuple[str, Frames]], drivers: list[Frames], every: int) -> None:
    """Print, by how files were made, how many were refused beside which clip."""
    refused: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for kind, whose, is_refused in swapped(clips, drivers, every):
        refused[kind][whose].append(is_refused)
    people = len({who for who, _ in clips})
    print(f"{len(clips)} clips of {people} people: {', '.join(sets)}; refused of all")
    print("| heads | beside the right clip | another person's | another clip of the person |")
    print("| --- | --- | --- | --- |")
    for kind, found in refused.items():
        cells = (f"{sum(found[whose])} of {len(found[whose])}" for whose in ("right", "other", "person"))
        print(f"| {kind} | {' | '.join(cells)} |")


def main() -> None:
    """Read the command line, judge every file, and print how many were taken."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shared", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    sets = ("embedded", "grid-choose", "talkers-choose", "people", STRETCHES)
    parser.add_argument("--sets", nargs="+", default=sets)
    parser.add_argument("--every", type=int, default=1, help="look at every so many files only")
    parser.add_argument(
        "--pairs", type=int, metavar="N", help="lay what was made of each of N clips of a set on each of them"
    )
    parser.add_argument(
        "--swaps", action="store_true", help="of heads that follow nobody, with all sets in one table"
    )
    parser.add_argument(
        "--clips", type=Path, help="a folder of face-centred clips of one person, for --swaps"
    )
    options = parser.parse_args()
    if options.swaps:
        whole = [
            (f"{name} {who}", frames)
            for name in options.sets
            if name != STRETCHES
            for who, frames in clips_of(name, options.shared, options.work)
        ]
        sets = [name for name in options.sets if name != STRETCHES]
        if options.clips is not None:
            opened = open_clips(options.clips)
            whole, sets = [("one", _enlarged(opened[name].frames)) for name in opened], [options.clips.name]
        drivers = [frames for _, frames in clips_of("talkers-choose", options.shared, options.work)[:6]]
        print_swaps(sets, whole, drivers, options.every)
        return
    taken: dict[tuple[str, str], dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for name in options.sets:
        clips = clips_of(name, options.shared, options.work)
        found = judged(clips, options.every) if options.pairs is None else paired(clips, options.pairs)
        for change, kind, laid in found:
            taken[kind, change][name].append(laid.refused is None)
            if kind != "right" and laid.refused is None:
                print(f"taken, wrong: {name}, {change}, {kind}: {laid.notes}", flush=True)
    print(f"| file | {' | '.join(options.sets)} |")
    print(f"| --- |{' --- |' * len(options.sets)}")
    for (kind, change), by_set in sorted(taken.items(), reverse=True):
        cells = (f"{sum(by_set[name])} of {len(by_set[name])}" for name in options.sets)
        print(f"| {kind}: {change} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
