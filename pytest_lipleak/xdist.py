"""The only file that knows pytest-xdist: who this process is, and how results travel to the controller."""

from typing import Any

import pytest

_KEY = "lipleak"


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


def send_results(config: pytest.Config, results: list[dict[str, Any]]) -> None:
    """In a worker: hand plain data to the controller when the session ends."""
    output = getattr(config, "workeroutput", None)
    if output is not None:
        output[_KEY] = results


class Controller:
    """Hooks of the controller, registered only where xdist is installed.

    Args:
        run: the run's id, sent to every worker so that they share one store.
        receive: called with the results of every worker that ended.
    """

    def __init__(self, run: str, receive: Any) -> None:
        self._run = run
        self._receive = receive

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Send the run's id along."""
        node.workerinput[_KEY] = self._run

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take what the worker measured; a crashed worker sends nothing."""
        for result in getattr(node, "workeroutput", {}).get(_KEY, []):
            self._receive(result)
