"""Causal probes: nothing where the lips come from the audio, the copied share where they come from the reference."""

from pathlib import Path

import numpy as np
import pytest

from pytest_lipleak import assert_reference_does_not_move_lips
from pytest_lipleak.core.clips import held
from pytest_lipleak.core.errors import NotApplicableError
from pytest_lipleak.evaluation.evaluation import Evaluation, Plan
from pytest_lipleak.evaluation.make.store import Store
from pytest_lipleak.evaluation.measures.probes import most_different, with_mouths
from pytest_lipleak.generators.control import ControlGenerator
from pytest_lipleak.generators.registry import Model, load_model
from pytest_lipleak.media.clipsets import EMBEDDED, open_clips
from pytest_lipleak.sync.experts import load_expert
from pytest_lipleak.sync.protocols import Protocol

NAMES = ("anna_1", "anna_2", "zola_1", "zola_2")
PARTNERS = dict(zip(NAMES, ("anna_2", "anna_1", "zola_2", "zola_1"), strict=True))


def evaluation(model: str | Model, store: Path, **choices: str) -> Evaluation:
    loaded = load_model(model) if isinstance(model, str) else model
    plan = Plan(Protocol.DIRECT, partners=PARTNERS, **choices)  # type: ignore[arg-type]
    return Evaluation(open_clips(EMBEDDED), loaded, load_expert("embedded"), plan, Store(store))


def test_a_mouth_is_swapped_and_the_face_stays() -> None:
    frames = open_clips(EMBEDDED)["anna_1"].frames[:4]
    swapped = held(with_mouths(frames, frames, [0, 3, 2, 0]))
    assert np.array_equal(swapped[[0, 2]], frames[[0, 2]]), "its own mouth changes nothing"
    assert np.array_equal(swapped[:, :40], frames[:, :40])
    assert not np.array_equal(swapped[1], frames[1])


def test_no_leak_gives_nothing_and_a_share_gives_that_share(tmp_path: Path) -> None:
    whole = evaluation("demo", tmp_path)
    verdicts = assert_reference_does_not_move_lips(whole)
    assert [verdict.measurement.value for verdict in verdicts] == [0.0, 0.0, 0.0]
    assert whole.measure("FRAME_shift[XM,CR]").value == pytest.approx(0, abs=0.02)
    leaky = evaluation("demo:leaky=0.25", tmp_path)
    swap = [leaky.measure(f"REF_swap[SI,{reference}]") for reference in ("CR", "AR")]
    for found in swap:
        # Under the mask's feathered rim less than the share arrives.
        assert 0.2 < found.value < 0.27
        assert found.clips == 3, "of four clips three are probed"
    shift = leaky.measure("REF_shift[XM,CR]")
    assert 0.2 < shift.value < 0.35
    assert leaky.measure("FRAME_shift[XM,CR]").value == pytest.approx(0, abs=0.05)
    with pytest.raises(AssertionError) as failed:
        assert_reference_does_not_move_lips(leaky)
    text = str(failed.value)
    assert "REF_shift[SI,CR] = " in text
    assert "lips move along when the mouths of the reference come earlier" in text
    assert "not by chance: sign-flip p = 0.12 over 3 clips" in text


class MeanReference:
    """Shows the mean of its references, and less of the frame it was given."""

    fingerprint = "1"

    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        mixed = 0.6 * frames + 0.4 * reference.mean(axis=0)
        return np.rint(mixed).astype(np.uint8)


@pytest.mark.parametrize("strategy", ["multiple", "multiple-25"])
def test_several_references_count_by_their_mean(tmp_path: Path, strategy: str) -> None:
    mixed = evaluation(Model("mean", MeanReference()), tmp_path, alternative_reference=strategy)
    assert mixed.measure("REF_swap[SI,AR]").value == pytest.approx(0.4, abs=0.01)


@pytest.mark.parametrize("images", [3, 2500])
def test_the_most_different_mouth_is_found_in_pieces(images: int) -> None:
    noise = np.random.default_rng(images)
    own, others = (noise.uniform(0, 255, (count, 6)).astype(np.float32) for count in (images, 40))
    found, apart = most_different(own, others)
    squares = np.square(own[:, None].astype(np.float64) - others).mean(axis=2)
    assert found == squares.argmax(axis=1).tolist()
    assert apart == pytest.approx(squares.max(axis=1).mean(), rel=1e-5)


@pytest.mark.parametrize("declared", [{"supports": ()}, {"reference_from_video": True}], ids=str)
def test_a_model_that_can_be_given_no_other_reference_is_not_probed(
    tmp_path: Path, declared: dict[str, object]
) -> None:
    model = load_model("demo:leaky")
    vars(model.generator).update(declared)
    with pytest.raises(NotApplicableError, match="model 'demo:leaky' cannot be given another reference"):
        evaluation(model, tmp_path).measure("REF_swap[SI,AR]")


def test_only_what_the_model_has_is_probed(tmp_path: Path) -> None:
    class OnlyAR(ControlGenerator):
        supports = ("AR",)

    model = OnlyAR(0.0)
    ar = evaluation(Model("only AR", model), tmp_path)
    assert [v.limit.metric.name for v in assert_reference_does_not_move_lips(ar)] == ["REF_swap[SI,AR]"]


def test_a_still_mouth_has_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    still = evaluation("demo", tmp_path)
    monkeypatch.setattr("pytest_lipleak.evaluation.measures.probes.STILL", 1e9)
    found = still.measure("REF_swap[SI,AR]")
    assert found.clips == 0
    assert {entry.measure for entry in found.unscored} == {"REF_swap"}
    assert "never moves" in found.unscored[0].reason
    with pytest.raises(AssertionError, match="no clip was scored"):
        assert_reference_does_not_move_lips(still)
