"""Root of the test suite; plugins of pytest itself may only be named here."""

import os
from typing import Any

import pytest

from pytest_lipleak.evaluation.make.devices import THREAD_VARIABLES

pytest_plugins = ["pytester"]

# NumPy asks once, when it is loaded, which is later. The matrices of these tests are small: threads of OpenBLAS that
# wait for each other took up to thirty times the processor time of the work itself.
for variable in THREAD_VARIABLES:
    os.environ.setdefault(variable, "1")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Let ``-n`` give each worker a half of the suite in one piece: what a file or folder needs is made once.

    Who is done takes from the other's end.
    """
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)
