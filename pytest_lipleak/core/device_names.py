"""What devices are called; which of them are there, ``evaluation/make/devices.py`` finds out."""

import re

DEVICES = ("auto", "cpu", "cuda", "mps")


def no_device(name: str) -> str:
    """Return why no device can be called so; empty where one can."""
    if re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        return ""
    from pytest_lipleak.core.suggestions import meant

    return f"{name!r} is no device; use auto, cpu, cuda, cuda:N or mps{meant(name, DEVICES)}"
