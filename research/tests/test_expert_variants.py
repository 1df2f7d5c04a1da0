"""Variants of the embedded expert, measured in pairs: what is averaged, what is joined, and the interval of a gain."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_lipleak.sync.embedded import EmbeddedExpert
from research.training import contrast, variants
from research.training.cases import Case


def clip(name: str, seed: int, expert: object) -> Case:
    rng = np.random.default_rng(seed)
    crops = rng.integers(0, 255, (80, 160, 160, 3), dtype=np.uint8)
    return Case(name, name, expert, crops, rng.integers(-9000, 9000, 80 * 640, dtype=np.int16))


class Drawn:
    """Unit embeddings that hang on what is seen and heard."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def _rows(self, seen: np.ndarray, rows: int) -> np.ndarray:
        rng = np.random.default_rng([self.seed, int(seen.astype(np.int64).sum()) % 2**31])
        return variants.unit(rng.normal(size=(rows, 8)).astype(np.float32))

    def embed_mouths(self, windows: np.ndarray) -> np.ndarray:
        return self._rows(windows, len(windows) - 5)

    def embed_audio(self, audio: np.ndarray) -> np.ndarray:
        return self._rows(audio, len(audio) // 640 - 5)


def test_the_squared_distance_of_joined_experts_is_the_mean_of_theirs() -> None:
    case = clip("a", 1, None)
    experts = Drawn(1), Drawn(2)
    apart = []
    for expert in (*experts, variants.Joined(*experts)):
        difference = expert.embed_mouths(case.windows) - expert.embed_audio(case.audio)
        apart.append((difference**2).sum(1))
    np.testing.assert_allclose(apart[2], (apart[0] + apart[1]) / 2, rtol=1e-4)


def test_embeddings_of_a_picture_and_its_mirror_image_do_not_tell_which_was_given() -> None:
    case = clip("a", 1, None)
    both = variants.Averaged(EmbeddedExpert(), [variants.same, variants.mirrored], [variants.same])
    windows = case.windows[:20]
    straight, turned = both.embed_mouths(windows), both.embed_mouths(variants.mirrored(windows))
    np.testing.assert_allclose(straight, turned, atol=1e-3)
    alone = EmbeddedExpert()
    apart = np.abs(alone.embed_mouths(windows) - alone.embed_mouths(variants.mirrored(windows))).max()
    assert apart > 0.1


@pytest.mark.parametrize(("right", "down"), [(2, 0), (-2, 0), (0, 2), (0, -2), (1, -3)])
def test_moved_windows_are_rolled_ones_but_for_the_border(right: int, down: int) -> None:
    windows = clip("a", 1, None).windows
    found, rolled = variants.moved_by(right, down)(windows), np.roll(windows, (down, right), (1, 2))
    assert found.shape == windows.shape
    np.testing.assert_array_equal(found[:, 4:-4, 4:-4], rolled[:, 4:-4, 4:-4])


def test_moved_audio_keeps_its_length() -> None:
    audio = np.arange(1000, dtype=np.int16)
    np.testing.assert_array_equal(variants.later(160)(audio)[160:], audio[:-160])
    np.testing.assert_array_equal(variants.later(-160)(audio)[:-160], audio[160:])


def test_two_experts_are_given_the_same_wrong_audios_and_one_gains_nothing_over_itself() -> None:
    cases = [clip(f"p{i}", i, Drawn(1)) for i in range(6)]
    others = [replace(case, expert=Drawn(2)) for case in cases]
    first, second = (contrast.contrasts(c, 75, same_person=False) for c in (cases, others))
    assert [(c.person, len(c.wrong)) for c in first] == [(c.person, len(c.wrong)) for c in second]
    again = contrast.contrasts(cases, 75, same_person=False)
    assert first == again
    people = [c.person for c in first]
    one = people, contrast.auc_of(first, contrast.KNOWN)
    assert variants.gain(one, (people, contrast.auc_of(again, contrast.KNOWN))) == "+0.000 [+0.000, +0.000]"
    with pytest.raises(ValueError, match="not measured on the same cuts"):
        variants.gain(one, (people[1:], one[1]))


def test_a_gain_shared_by_everybody_is_certain_where_two_intervals_overlap() -> None:
    people = [f"p{i}" for i in range(30)]
    before = np.random.default_rng(0).normal(0, 1, 30)
    found = variants.gain((people, variants.mean_of(before)), (people, variants.mean_of(before + 0.1)))
    assert found == "+0.100 [+0.100, +0.100]"


def test_the_picture_shows_what_went_wrong_before_what_was_refused_or_right() -> None:
    from research.training.pictures import REFUSED, RIGHT, WRONG, Said, worst

    def said(word: str, lse_c: float) -> Said:
        return Said(word, "", 0, lse_c, np.zeros((160, 160, 3), np.uint8))

    clips = [said(RIGHT, 2.0), said(RIGHT, 1.0), said(REFUSED, 0.4), said(WRONG, 0.6), said(WRONG, 0.9)]
    assert worst(clips) is clips[4]
    assert worst(clips[:3]) is clips[2]
    assert worst(clips[:2]) is clips[1]


def test_a_picture_of_the_expert_s_failures_is_small() -> None:
    picture = Path(__file__).parents[2] / "docs" / "figures" / "expert-failures.webp"
    assert 10_000 < picture.stat().st_size < 300_000
