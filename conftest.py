"""Root of the test suite; plugins of pytest itself may only be named here."""

import os

from pytest_lipleak.evaluation.make.devices import THREAD_VARIABLES

pytest_plugins = ["pytester"]

# NumPy asks once, when it is loaded, which is later. The matrices of these tests are small: threads of OpenBLAS that
# wait for each other took up to thirty times the processor time of the work itself.
for variable in THREAD_VARIABLES:
    os.environ.setdefault(variable, "1")
