"""Lip leakage of talking-face generators as pytest assertions.

Public names are resolved on first use: importing this package costs nothing, so that having the
plugin installed does not slow down test suites that never ask for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_lipleak.core.version import __version__

if TYPE_CHECKING:
    from pytest_lipleak.assertions import assert_csim_above as assert_csim_above
    from pytest_lipleak.assertions import assert_fid_below as assert_fid_below
    from pytest_lipleak.assertions import assert_lmd_below as assert_lmd_below
    from pytest_lipleak.assertions import assert_lsd_below as assert_lsd_below
    from pytest_lipleak.assertions import assert_lse_c_above as assert_lse_c_above
    from pytest_lipleak.assertions import assert_lse_d_below as assert_lse_d_below
    from pytest_lipleak.assertions import assert_metric as assert_metric
    from pytest_lipleak.assertions import assert_no_own_audio_leak as assert_no_own_audio_leak
    from pytest_lipleak.assertions import assert_no_regression as assert_no_regression
    from pytest_lipleak.assertions import assert_no_silent_leak as assert_no_silent_leak
    from pytest_lipleak.assertions import assert_psnr_above as assert_psnr_above
    from pytest_lipleak.assertions import (
        assert_reference_does_not_move_lips as assert_reference_does_not_move_lips,
    )
    from pytest_lipleak.assertions import assert_silent_lse_c_below as assert_silent_lse_c_below
    from pytest_lipleak.assertions import assert_silent_lse_d_above as assert_silent_lse_d_above
    from pytest_lipleak.assertions import assert_ssim_above as assert_ssim_above
    from pytest_lipleak.core.conditions import Condition as Condition
    from pytest_lipleak.core.conditions import Reference as Reference
    from pytest_lipleak.core.conditions import Setup as Setup
    from pytest_lipleak.core.errors import LipleakError as LipleakError
    from pytest_lipleak.evaluation.evaluation import Evaluation as Evaluation
    from pytest_lipleak.functions import Result as Result
    from pytest_lipleak.functions import evaluate as evaluate
    from pytest_lipleak.functions import score as score
    from pytest_lipleak.generators.facecrops import FaceCrops as FaceCrops
    from pytest_lipleak.generators.interface import Generator as Generator
    from pytest_lipleak.generators.mel import mel_windows as mel_windows

_HOMES = {
    "assertions": (
        "assert_csim_above",
        "assert_fid_below",
        "assert_lmd_below",
        "assert_lsd_below",
        "assert_lse_c_above",
        "assert_lse_d_below",
        "assert_metric",
        "assert_no_regression",
        "assert_no_own_audio_leak",
        "assert_no_silent_leak",
        "assert_psnr_above",
        "assert_reference_does_not_move_lips",
        "assert_silent_lse_c_below",
        "assert_silent_lse_d_above",
        "assert_ssim_above",
    ),
    "core.conditions": ("Condition", "Reference", "Setup"),
    "core.errors": ("LipleakError",),
    "evaluation.evaluation": ("Evaluation",),
    "functions": ("Result", "evaluate", "score"),
    "generators.facecrops": ("FaceCrops",),
    "generators.mel": ("mel_windows",),
    "generators.interface": ("Generator",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = ["__version__", *sorted(_HOME_OF)]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
