import numpy as np
import pytest

from pytest_lipleak.evaluation.make import noted_faces
from pytest_lipleak.evaluation.make.noted_faces import NotedFaces
from pytest_lipleak.faces.small_faces import SIDE, grey_faces


def crops(seed: int, count: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 160, 160, 3), np.uint8)


def never() -> np.ndarray:
    raise AssertionError("what was noted is not made again")
    yield


def test_what_was_looked_at_is_not_made_again() -> None:
    noted = NotedFaces()
    passed = list(noted.through("a", crops(0)))
    np.testing.assert_array_equal(np.stack(passed), crops(0))
    np.testing.assert_array_equal(noted.of("a", never()), grey_faces(crops(0)))
    np.testing.assert_array_equal(noted.of("b", crops(1)), grey_faces(crops(1)))


def test_a_pass_that_was_not_ended_is_not_noted() -> None:
    noted = NotedFaces()
    next(noted.through("a", crops(0)))
    np.testing.assert_array_equal(noted.of("a", crops(1)), grey_faces(crops(1)))


def test_no_more_is_held_than_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noted_faces, "NOTED", 10 * SIDE**2)
    noted = NotedFaces()
    for name in "abcc":
        list(noted.through(name, crops(ord(name))))
    list(noted.through("long", crops(0, 11)))
    other = crops(0)
    for name, held in (("b", True), ("c", True), ("a", False), ("long", False)):
        expected = crops(ord(name)) if held else other
        np.testing.assert_array_equal(noted.of(name, other), grey_faces(expected))
