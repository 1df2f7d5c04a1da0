"""Compiled libraries that every measurement needs: their builds, and what helps where one does not load."""

from collections.abc import Mapping
from importlib import import_module

from pytest_lipleak.core.errors import MissingDataError

OPENCV = "opencv"
OPENCV_BUILDS = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
)
"""Distributions that all hold the one package cv2."""

ONE_OPENCV = (
    "python -m pip uninstall -y opencv-python opencv-contrib-python opencv-contrib-python-headless && "
    "python -m pip install --force-reinstall --no-deps opencv-python-headless"
)

_ADVICE: Mapping[str, str] = {
    "numpy": "python -m pip install --force-reinstall numpy",
    "cv2": f"{ONE_OPENCV} (the builds for desktops need libraries of the system: on Debian and Ubuntu "
    "apt-get install libgl1 libglib2.0-0 libxcb1)",
    "av": "python -m pip install --force-reinstall av",
    "onnxruntime": "python -m pip install --force-reinstall onnxruntime (it needs the C++ runtime of the system: on "
    "Debian and Ubuntu apt-get install libstdc++6, on Windows the Visual C++ Redistributable)",
}
"""By import name, what helps where it does not load."""


def version_of(package: str) -> str | None:
    """Return the installed version of a distribution, or of whichever build of OpenCV; None where there is none."""
    if package == OPENCV:
        return " + ".join(dict.fromkeys(opencv_builds().values())) or None
    # A quarter of the time that the command line takes to start, which needs no version.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def opencv_builds() -> dict[str, str]:
    """Return the versions of the builds of OpenCV that are installed, by distribution."""
    return {build: found for build in OPENCV_BUILDS if (found := version_of(build))}


def opencv_warning() -> str:
    """Say that several builds of OpenCV are installed; empty where it is one."""
    builds = opencv_builds()
    if len(builds) < 2:
        return ""
    names = " and ".join(f"{name} {found}" for name, found in builds.items())
    return f"{names} overwrite each other's cv2: nobody can tell which one is used; keep one: {ONE_OPENCV}"


def check_libraries() -> None:
    """Load what every measurement needs.

    Raises:
        MissingDataError: one is not installed, or a library of the system that it needs is not.
    """
    for name in _ADVICE:
        try:
            import_module(name)
        except ImportError as error:
            raise MissingDataError(load_failure(error, name)) from error


def load_failure(error: ImportError, name: str | None = None) -> str:
    """Return why one of these libraries cannot be used and what helps; empty for another import that failed.

    Args:
        error: what importing it raised.
        name: the library, where that is known; else it is taken from the error.
    """
    name = name or (error.name or "").partition(".")[0]
    if name not in _ADVICE:
        return ""
    return f"{name} cannot be loaded ({error}); what helps: {_ADVICE[name]}"
