"""The recipe of the embedded expert: who is left out, what losses count, and what is averaged."""

import csv
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from research.training.splits import FOLDS, SPLITS, joined

SPOKEN = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=2),
    st.sets(st.integers(0, 12), min_size=1, max_size=3),
    max_size=12,
)


@given(SPOKEN)
def test_circles_are_the_connected_parts_of_people_and_recordings(spoken: dict[str, set[int]]) -> None:
    people = sorted(spoken)
    links = np.zeros((len(people) + 13, len(people) + 13))
    for i, person in enumerate(people):
        for recording in spoken[person]:
            links[i, len(people) + recording] = 1
    labels = connected_components(csr_array(links), directed=False)[1]
    expected = {
        frozenset(people[i] for i in range(len(people)) if labels[i] == label)
        for label in set(labels[: len(people)])
    }
    circles = joined({person: {str(n) for n in found} for person, found in spoken.items()})
    assert {frozenset(circle) for circle in circles} == expected
    assert sum(map(len, circles)) == len(people)


def test_no_person_and_no_recording_stands_in_two_folds() -> None:
    rows = list(csv.DictReader((SPLITS / "talkers.csv").open()))
    assert {row["fold"] for row in rows} == {str(fold) for fold in range(FOLDS)}
    for column in ("person", "speech"):
        folds = defaultdict(set)
        for row in rows:
            folds[row[column]].add(row["fold"])
        assert all(len(found) == 1 for found in folds.values()), column


torch = pytest.importorskip("torch")


def softplus(x: float) -> float:
    return float(np.logaddexp(0, x))


def drawn(clips: int, rows: int, size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    video, audio = rng.normal(size=(clips, rows, size)), rng.normal(size=(clips, rows + 30, size))
    return tuple(x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (video, audio))


def test_the_confidence_loss_is_over_all_pairs_of_own_and_wrong_audio() -> None:
    from research.training import losses

    video, audio = drawn(4, 5)
    same = np.eye(4, dtype=bool)
    same[1, 2] = same[2, 1] = True
    valid = torch.ones(4, 35, dtype=torch.bool)
    v, a = torch.tensor(video), torch.tensor(audio)
    own = losses.shift_distances(v, a, valid)
    found = losses.confidence_loss(own, v, a, torch.tensor(same), torch.tensor(20.0))

    def apart(i: int, j: int, shift: int) -> float:
        return float(np.mean(np.linalg.norm(video[i] - audio[j, 15 + shift : 20 + shift], axis=1)))

    right = [
        float(np.sort([apart(i, i, shift) for shift in range(-15, 16)])[15]) - apart(i, i, 0)
        for i in range(4)
    ]
    wrong = []
    for i in range(4):
        others = [apart(i, j, 0) for j in range(4) if not same[i, j]]
        middle = sorted(others)[(len(others) - 1) // 2]
        wrong += [middle - other for other in others]
    expected = np.mean([softplus(20 * (0.1 + w - r)) for r in right for w in wrong])
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_the_rank_loss_asks_only_for_known_confidences_that_lie_apart() -> None:
    from research.training import losses

    rng = np.random.default_rng(0)
    own = rng.uniform(1, 1.4, (4, 31))
    known = np.array([5.0, np.nan, 5.5, 2.0])
    found = losses.rank_loss(torch.tensor(own), torch.tensor(known), torch.tensor(20.0))
    ours = np.median(own, axis=1) - own[:, 15]
    expected = np.mean([softplus(-20 * (ours[i] - ours[j])) for i, j in ((0, 3), (2, 3))])
    assert float(found) == pytest.approx(expected)
    none = losses.rank_loss(torch.tensor(own), torch.full((4,), torch.nan), torch.tensor(20.0))
    assert float(none) == 0


def test_kept_weights_are_a_mean_that_forgets_the_first_steps() -> None:
    from torch.optim.swa_utils import AveragedModel

    from research.training.train import averaged

    layer = torch.nn.BatchNorm1d(1)
    mean = AveragedModel(layer, avg_fn=averaged(150), use_buffers=True)
    for step in range(2000):
        with torch.no_grad():
            layer.weight.fill_(step)
            layer.running_mean.fill_(-step)
        mean.update_parameters(layer)
    # An exponential mean lags behind a straight line by its length.
    assert mean.module.weight.item() == pytest.approx(1999 - 150, abs=2)
    assert mean.module.running_mean.item() == pytest.approx(150 - 1999, abs=2)


def test_without_what_was_tried_the_kept_weights_are_the_last_ones() -> None:
    from torch.optim.swa_utils import AveragedModel

    from research.training.train import Tried, averaged

    layer = torch.nn.Linear(1, 1)
    kept = AveragedModel(layer, avg_fn=averaged(Tried().average), use_buffers=True)
    for step in range(5):
        with torch.no_grad():
            layer.weight.fill_(step)
        kept.update_parameters(layer)
    assert kept.module.weight.item() == 4


@pytest.mark.parametrize("hard", [False, True])
def test_augmented_pictures_keep_their_shape_and_sense(hard: bool) -> None:
    from research.training import augment
    from research.training.prepare import HEIGHT, WIDTH

    rng = np.random.default_rng(0)
    region = rng.integers(0, 256, (20, HEIGHT, WIDTH), dtype=np.uint8)
    seen = []
    for _ in range(60):
        window = augment.warp(region, rng, hard=hard)
        assert window.dtype == np.uint8
        x = augment.normalise(augment.degrade(window, rng, hard=hard))
        assert (x.shape, x.dtype) == ((20, augment.HEIGHT, augment.WIDTH), np.float32)
        assert np.isfinite(x).all()
        seen.append(x.mean(0))
    assert np.std(seen) > 0.05


def test_a_clip_at_half_speed_shows_the_mean_of_its_neighbours_between_them() -> None:
    from research.training.data import at_times

    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (6, 4, 5), dtype=np.uint8)
    np.testing.assert_array_equal(at_times(frames, np.arange(2, 5)), frames[2:5])
    slow = at_times(frames, np.arange(12) / 2)
    np.testing.assert_array_equal(slow[:11:2], frames)
    middle = (frames[:5].astype(float) + frames[1:]) / 2
    assert np.abs(slow[1:10:2] - middle).max() <= 0.5
    np.testing.assert_array_equal(slow[11], frames[5])


def test_weights_of_several_runs_are_exported_as_their_mean() -> None:
    from research.training.export import mean
    from research.training.network import Expert

    runs = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        runs.append(Expert().state_dict())
    name = next(name for name, value in runs[0].items() if value.is_floating_point() and value.ndim > 1)
    np.testing.assert_allclose(
        mean(runs)[name], (runs[0][name].numpy() + runs[1][name].numpy()) / 2, atol=1e-6
    )
    assert all((mean(runs[:1])[name] == value).all() for name, value in runs[0].items())
    Expert().load_state_dict(mean(runs))
