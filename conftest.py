"""Root of the test suite; plugins of pytest itself may only be named here."""

pytest_plugins = ["pytester"]
