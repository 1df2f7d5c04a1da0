"""Where the networks of a process run, and on how many threads."""

from functools import cached_property

from pytest_lipleak.run.process import Process


class Device:
    """The device of one process, found out when first asked for.

    Args:
        setting: as the user gave it: ``auto``, ``cpu``, ``cuda``, ...
        process: whose.
    """

    def __init__(self, setting: str, process: Process) -> None:
        self._setting = setting
        self._process = process

    @cached_property
    def name(self) -> str:
        """A torch device name: ``cpu``, ``cuda:0``, ..."""
        from pytest_lipleak.evaluation.make.devices import resolve_device

        return resolve_device(self._setting, self._process.number)

    @property
    def label(self) -> str:
        """The device's name in file names."""
        from pytest_lipleak.evaluation.make.devices import device_label

        return device_label(self.name)

    def share_threads(self) -> int | None:
        """Leave the other processes their part of the cores; return how many threads are ours, None for all."""
        from pytest_lipleak.evaluation.make.devices import share_threads

        return share_threads(self._process.count)
