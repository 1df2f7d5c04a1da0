"""The only file that knows pytest-xdist: who this process is, and how results travel to the controller.

What a worker measured rides on its test reports, so that it arrives at once: a run that is stopped
by ``-x`` or loses a worker still reports what was finished.
"""

from collections.abc import Callable, Generator
from typing import Any, NamedTuple

import pytest

_KEY = "lipleak"
_COLLECTED = "lipleak_collected"
_REFUSAL = "lipleak_refusal"

Results = list[dict[str, Any]]
"""What was measured, as plain data."""

Collected = tuple[list[str], int, bool]
"""Node ids of the tests that judge, how many of them the user deselected, and whether --lf left out what passed."""


class Transport(NamedTuple):
    """What goes between workers and controller.

    Args:
        run: the run's id, which the controller sends to every worker so that they share one store.
        fresh: in a worker, gives what was measured since its last call.
        collected: in a worker, gives what it collected.
        is_gate: whether a node id is a gate's.
        receive: in the controller, takes what workers measured.
        expect: in the controller, takes what workers collected.
        watch: in the controller, begins to show what workers do, and returns what ends it.
    """

    run: str
    fresh: Callable[[], Results]
    collected: Callable[[], Collected]
    is_gate: Callable[[str], bool]
    receive: Callable[[Results], None]
    expect: Callable[[Collected], None]
    watch: Callable[[], Callable[[], None]]


def worker_input(config: pytest.Config) -> dict[str, Any] | None:
    """Return what the controller sent to this worker; None when this process is not a worker."""
    sent: dict[str, Any] | None = getattr(config, "workerinput", None)
    return sent


def run_id(config: pytest.Config) -> str | None:
    """The run's id as sent by the controller; None when this process is not a worker."""
    sent = worker_input(config)
    return None if sent is None else str(sent[_KEY])


def position(config: pytest.Config) -> tuple[int, int]:
    """Return this worker's number and the count of workers; (0, 1) without xdist."""
    sent = worker_input(config)
    if sent is None:
        return 0, 1
    number = "".join(filter(str.isdigit, sent.get("workerid", "gw0")))
    return int(number or 0), int(sent.get("workercount", 1))


def spreads_tests(config: pytest.Config) -> bool:
    """Whether this process hands tests to workers."""
    return bool(config.getoption("tx", None))


def loops_on_failures(config: pytest.Config) -> bool:
    """Whether this process starts others, one after the other, which run the tests (``pytest -f``)."""
    return bool(config.getoption("looponfail", False))


def register(config: pytest.Config, transport: Transport) -> None:
    """Take part in the transport of results, where xdist is loaded."""
    if worker_input(config) is not None:
        config.pluginmanager.register(Worker(transport), "lipleak-xdist-worker")
    # By its hooks: what the plugin is called depends on how it was loaded.
    elif hasattr(config.hook, "pytest_configure_node"):
        config.pluginmanager.register(Controller(transport), "lipleak-xdist-controller")


def refuse(config: pytest.Config, message: str) -> None:
    """End the run with a usage error that only shows during collection.

    A worker, which would crash on it, collects nothing and lets the controller say it, once.
    """
    output = getattr(config, "workeroutput", None)
    if output is None:
        raise pytest.UsageError(message)
    output[_REFUSAL] = message


class Worker:
    """Hooks of a worker."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._has_told = False

    @pytest.hookimpl(wrapper=True)
    def pytest_report_to_serializable(self) -> Generator[None, Any, Any]:
        """Send along what was measured since the last report; with the first one, what was collected."""
        data = yield
        if isinstance(data, dict):
            if fresh := self._transport.fresh():
                data[_KEY] = fresh
            if not self._has_told:
                self._has_told = True
                data[_COLLECTED] = self._transport.collected()
        return data


class Controller:
    """Hooks of the controller, registered only where xdist is loaded."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._unwatch: Callable[[], None] | None = None
        self._refusal: str | None = None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Send the run's id along."""
        node.workerinput[_KEY] = self._transport.run
        self._unwatch = self._unwatch or self._transport.watch()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Expect the gates, whose ids tell what they are; of tests their worker tells."""
        self._transport.expect((list(filter(self._transport.is_gate, ids)), 0, False))

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_from_serializable(self, data: dict[str, Any]) -> None:
        """Take what came with a report."""
        self._transport.receive(data.pop(_KEY, []))
        if collected := data.pop(_COLLECTED, None):
            self._transport.expect(tuple(collected))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Remember why a worker refused to work; a crashed one has no output."""
        self._refusal = getattr(node, "workeroutput", {}).get(_REFUSAL, self._refusal)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """End what shows the workers' progress; say, once, why the workers refused."""
        if self._unwatch is not None:
            self._unwatch()
        if self._refusal is not None:
            raise pytest.UsageError(self._refusal)
