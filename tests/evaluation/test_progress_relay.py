from pytest_lipleak.evaluation.make.costs import LESS, STAGES, longest
from pytest_lipleak.evaluation.make.progress_relay import ProgressRelay


def test_progress_names_the_stage_that_takes_most_of_the_time() -> None:
    shown: list[tuple[int, int, str]] = []
    spent: dict[str, float] = {}
    relay = ProgressRelay(lambda *told: shown.append(told), spent)
    relay(0, 3, "anna [SI,CR]")
    spent |= {"generation": 4.0, "embedding": 7.0}
    relay(1, 3, "bob [SI,CR]")
    relay.tell("loads its weights")
    relay(3, 3, "")
    assert shown == [
        (0, 3, "anna [SI,CR]"),
        (1, 3, "bob [SI,CR] (mostly embedding)"),
        (1, 3, "bob [SI,CR]: loads its weights"),
        (3, 3, ""),
    ]


def test_what_takes_little_time_is_not_named() -> None:
    assert longest({}) is None
    assert longest({"generation": 5.0, "embedding": 4.9}) is None
    assert longest({"generation": 5.0, "embedding": 5.1}) == "embedding"


def test_every_stage_has_its_advice() -> None:
    assert set(STAGES) == set(LESS)
    assert all(":" in advice for advice in LESS.values())
