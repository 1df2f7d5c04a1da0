"""FID and KID: independent formulas on features, and the network's features against torch-fidelity's."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import noisy, scenes

from pytest_lipleak.core.errors import MissingExtraError, WeightsError
from pytest_lipleak.machine.model_files import ModelFile
from pytest_lipleak.quality import fid as module
from pytest_lipleak.quality.fid import Inception, fid, kid, resized_like_tensorflow


def drawn(count: int, width: int = 16, shift: float = 0.0, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    return (shift + scale * np.random.default_rng(seed).normal(size=(count, width))).astype(np.float32)


@pytest.mark.parametrize("counts", [(200, 200), (40, 300), (300, 17)])
def test_fid_equals_the_matrix_square_root(counts):
    linalg = pytest.importorskip("scipy.linalg")
    one, other = drawn(counts[0], seed=1), drawn(counts[1], shift=0.5, scale=2, seed=2)
    a, b = (np.cov(rows.astype(np.float64), rowvar=False) for rows in (one, other))
    shift = one.mean(0, np.float64) - other.mean(0, np.float64)
    expected = shift @ shift + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)
    assert fid(one, other).value == pytest.approx(expected, rel=1e-9)


def test_fid_with_fewer_frames_than_dimensions_equals_the_eigenvalues():
    # torch-fidelity's formula, where the covariances are singular.
    one, other = drawn(10, 40, seed=1), drawn(12, 40, shift=1, seed=2)
    a, b = (np.cov(rows.astype(np.float64), rowvar=False) for rows in (one, other))
    shift = one.mean(0, np.float64) - other.mean(0, np.float64)
    root = np.sqrt(np.linalg.eigvals(a @ b).astype(complex)).real.sum()
    expected = shift @ shift + np.trace(a) + np.trace(b) - 2 * root
    assert fid(one, other).value == pytest.approx(expected, rel=1e-5)


def test_fid_of_known_gaussians():
    # Equal spread: the squared distance of the means. Along one axis: (s - 1)^2.
    rows = drawn(5000, 1)
    assert fid(rows + 3, rows).value == pytest.approx(9, rel=1e-5)
    assert fid(2 * (rows - rows.mean()), rows - rows.mean()).value == pytest.approx(
        rows.var(ddof=1), rel=1e-5
    )


def test_same_set():
    rows = drawn(100)
    assert fid(rows, rows).value == pytest.approx(0, abs=1e-9)
    assert fid(rows, rows[::-1]).value == pytest.approx(0, abs=1e-9)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), shift=st.floats(-3, 3), scale=st.floats(0.2, 4))
def test_both_are_symmetric_and_fid_not_negative(seed, shift, scale):
    one, other = drawn(30, seed=seed), drawn(25, shift=shift, scale=scale, seed=seed + 1)
    assert fid(one, other).value == pytest.approx(fid(other, one).value, abs=1e-9)
    assert kid(one, other).value == pytest.approx(kid(other, one).value, abs=1e-9)
    assert fid(one, other).value >= 0


def test_both_grow_with_the_shift():
    rows = drawn(200)
    for measure in (fid, kid):
        values = [measure(drawn(200, shift=shift, seed=1), rows).value for shift in (0, 0.5, 1, 2)]
        assert values == sorted(values)


def test_kid_equals_its_definition():
    pairwise = pytest.importorskip("sklearn.metrics.pairwise")
    one, other = drawn(20, seed=1).astype(np.float64), drawn(30, shift=0.4, seed=2).astype(np.float64)

    def kernel(a, b):
        return pairwise.polynomial_kernel(a, b, degree=3, gamma=1 / 16, coef0=1)

    within = [
        np.mean([kernel(rows, rows)[i, j] for i in range(len(rows)) for j in range(len(rows)) if i != j])
        for rows in (one, other)
    ]
    assert kid(one, other).value == pytest.approx(sum(within) - 2 * kernel(one, other).mean())


def test_kid_is_unbiased_where_fid_is_not():
    pairs = [(drawn(20, seed=seed), drawn(20, seed=1000 + seed)) for seed in range(200)]
    few = np.array([(fid(*pair).value, kid(*pair).value) for pair in pairs])
    assert few[:, 0].mean() > 3
    assert abs(few[:, 1].mean()) < 3 * few[:, 1].std() / np.sqrt(len(few))


def test_too_few_frames_are_said():
    found = fid(drawn(30), drawn(40))
    assert (found.output_frames, found.real_frames) == (30, 40)
    assert "FID over 30 frames is biased upward" in found.warning
    assert fid(drawn(2048), drawn(3000)).warning is None
    with pytest.raises(ValueError, match="1 generated and 5 real frames"):
        fid(drawn(1), drawn(5))
    with pytest.raises(ValueError, match=r"\(5, 16\) and \(5, 8\)"):
        fid(drawn(5), drawn(5, 8))


def test_resizing_has_no_half_pixel_centres():
    torch = pytest.importorskip("torch")
    picture = torch.tensor([[0.0, 4.0], [8.0, 12.0]])[None, None]
    assert resized_like_tensorflow(picture, 4)[0, 0].tolist() == [
        [0, 2, 4, 4],
        [4, 6, 8, 8],
        [8, 10, 12, 12],
        [8, 10, 12, 12],
    ]
    assert torch.equal(resized_like_tensorflow(picture, 2), picture)


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A TorchScript network with Inception's inputs and outputs: mean colours, repeated."""
    torch = pytest.importorskip("torch")

    class MeanColour(torch.nn.Module):
        def forward(self, x):
            return x.mean(dim=[2, 3]).repeat(1, 683)[:, :2048]

    path = tmp_path / "default_1.pt"
    torch.jit.script(MeanColour()).save(str(path))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setattr(module, "INCEPTION", ModelFile(path.name, "", sha256, "", ""))
    return Inception(tmp_path)


def test_frames_reach_the_network_scaled_and_sampled(stand_in):
    frames = np.repeat(np.arange(60, dtype=np.uint8)[:, None], 20 * 30 * 3, 1).reshape(60, 20, 30, 3)
    features = stand_in.features(frames, 7)
    assert features.shape == (7, 2048)
    assert features[:, 0] * 128 + 128 == pytest.approx([0, 10, 20, 30, 39, 49, 59], abs=1e-3)
    assert stand_in.features(frames, None).shape == (60, 2048)
    assert stand_in.features(frames[:3]).shape == (3, 2048)


def test_another_file_is_refused(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "default_1.pt").write_bytes(b"PK")
    with pytest.raises(WeightsError, match="expected 7ff4a85c3a63"):
        Inception(tmp_path)


def test_missing_torch_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"pytest-lipleak\[quality\]"):
        Inception()


TORCH_FIDELITY = {
    "real": [
        [0.45716, 0.03199, 0.086, 0.0729],
        [0.43157, 0.01734, 0.09645, 0.0],
        [0.62017, 0.07422, 0.06923, 0.07725],
        [0.55551, 0.04886, 0.15868, 0.02031],
    ],
    "fid": 248.635,
}
"""torch-fidelity 0.4.0 on the pictures below: the first four features of each, and the FID."""


@pytest.mark.slow
def test_features_and_fid_equal_torch_fidelity(shared):
    pytest.importorskip("torch")
    if not (shared / "weights" / "default_1.pt").is_file():
        pytest.skip("needs the Inception network: default_1.pt in the weights folder")
    network = Inception(shared / "weights")
    real = scenes(4, 120, 160)
    output = noisy(real, 30)
    ours = network.features(real), network.features(output)
    assert ours[0][:, :4] == pytest.approx(np.array(TORCH_FIDELITY["real"]), abs=2e-5)
    assert fid(*ours).value == pytest.approx(TORCH_FIDELITY["fid"], rel=1e-4)
