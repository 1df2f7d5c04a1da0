"""Every way to name a model, and what is said when it cannot be found or built."""

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pytest_lipleak.core.errors import ConfigurationError, GeneratorError
from pytest_lipleak.generators import catalogue, registry
from pytest_lipleak.generators.contract import declared_by
from pytest_lipleak.generators.control_generators import ControlGenerator
from pytest_lipleak.generators.registry import (
    Model,
    as_model,
    check_name,
    known_names,
    load_model,
    model_builder,
)
from pytest_lipleak.machine.named_files import NamedFiles

FRAMES = np.zeros((2, 4, 4, 3), np.uint8)
AUDIO = np.zeros(2 * 640, np.int16)

SOURCE = '''
class Painter:
    """A generator that paints everything in one colour."""

    def __init__(self, colour=7, device="none"):
        self.colour = colour
        self.device = device

    def generate(self, frames, audio, reference):
        return frames * 0 + self.colour


class Nested:
    inner = Painter


def build(colour, depth=1):
    return Painter(colour * depth)


def plain(frames, audio, reference):
    return frames + 1


def wrong_build():
    return object()


def needs_much(checkpoint, *, steps):
    return Painter()


ready = Painter(9)
number = 3
'''


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package ``studio`` with the module ``lips``, importable from where one stands."""
    folder = tmp_path / "studio"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "lips.py").write_text(SOURCE)
    (folder / "broken.py").write_text("import a_package_that_is_not_there\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    yield tmp_path
    for name in [name for name in sys.modules if name.split(".")[0] == "studio"]:
        del sys.modules[name]


def painted(model: Model) -> int:
    return int(model.generator.generate(FRAMES.copy(), AUDIO, FRAMES).max())


@pytest.mark.parametrize(
    ("name", "alpha"),
    [
        ("demo", 0.0),
        ("demo:leaky", 1.0),
        ("demo:leaky=0.4", 0.4),
        ("demo:leaky=0", 0.0),
        ("demo:leaky=1", 1.0),
    ],
)
def test_the_demo_is_named_with_its_share(name: str, alpha: float) -> None:
    model = load_model(name)
    assert model.name == name
    assert isinstance(model.generator, ControlGenerator)
    assert model.generator.alpha == alpha
    assert str(alpha) in (model.fingerprint or "")


@pytest.mark.parametrize(
    "variant", ["leaky=1.5", "leaky=-0.1", "leaky=half", "leaky=nan", "silent", "leaky=0.4=1"]
)
def test_a_demo_that_is_not_offered_lists_the_offers(variant: str) -> None:
    with pytest.raises(ConfigurationError, match="expected demo, demo:leaky or demo:leaky=SHARE") as caught:
        load_model(f"demo:{variant}")
    assert f"demo:{variant}" in str(caught.value)
    with pytest.raises(ConfigurationError):
        check_name(f"demo:{variant}")


@pytest.mark.parametrize(
    ("attribute", "arguments", "expected"),
    [
        ("Painter", {}, 7),
        ("Painter", {"colour": 12}, 12),
        ("Nested.inner", {"colour": 3}, 3),
        ("build", {"colour": 4, "depth": 5}, 20),
        ("plain", {}, 1),
        ("ready", {}, 9),
    ],
)
@pytest.mark.parametrize("where", ["studio.lips", "studio/lips.py"])
def test_classes_factories_functions_and_objects_work_from_modules_and_files(
    package: Path, where: str, attribute: str, arguments: dict, expected: int
) -> None:
    name = f"{where}:{attribute}"
    check_name(name)
    model = load_model(name, arguments)
    assert model.name == name
    assert painted(model) == expected


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("wav2lip", {"repo": "Wav2Lip"}, "missing a required argument: 'checkpoint'"),
        (
            "keysync",
            {"repo": "a", "checkpoint": "b", "interpol": "c"},
            "missing a required argument: 'interpolation'",
        ),
        ("musetalk", {"repo": "a", "checkpoint": "b", "face": "own"}, "unexpected keyword argument 'face'"),
        ("cmd: python run.py {video} {audio} {output}", {"slak": 3}, "unexpected keyword argument 'slak'"),
        ("absent.onnx", {"pad": 3}, "unexpected keyword argument 'pad'"),
        ("studio/lips.py:Panter", {}, r"has no attribute 'Panter'; did you mean Painter\?"),
        (
            "wav2lip",
            {"repo": "~nobody-of-that-name/absent", "checkpoint": "studio"},
            "repo=~nobody-of-that-name/absent: no such file or folder; expected folder of the checkout",
        ),
        (
            "keysync",
            {"repo": "studio", "checkpoint": "studio/lips.py", "interpolation": "absent.pt"},
            "interpolation=absent.pt: no such file or folder; expected the interpolation model's weights",
        ),
    ],
)
def test_what_cannot_be_built_is_refused_before_anything_is_imported(
    package: Path, name: str, arguments: dict, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        check_name(name, arguments)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "ip_lap",
            "model 'ip_lap' needs torch and librosa and ai_edge_litert, not installed here; install with: "
            "pip install 'pytest-lipleak[models,faces]'",
        ),
        (
            "studio/lips.onnx",
            "needs librosa, not installed here; install with: pip install 'pytest-lipleak[models]'",
        ),
    ],
)
def test_a_missing_extra_is_named_before_anything_is_imported(
    package: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    (package / "studio" / "lips.onnx").touch()
    given = dict.fromkeys(("repo", "checkpoint", "landmarks"), "studio") if name == "ip_lap" else {}
    for extra in ("torch", "librosa", "ai_edge_litert"):
        monkeypatch.delitem(sys.modules, extra, raising=False)
    monkeypatch.setattr(catalogue, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        check_name(name, given)


def test_attributes_that_a_file_binds_in_its_own_ways_are_left_to_its_import(tmp_path: Path) -> None:
    ways = {
        "star": "from os import *",
        "loop": "for load in (print,):\n    pass",
        "tried": "try:\n    from os import getcwd as load\nexcept ImportError:\n    pass",
        "named": "if (load := print):\n    pass",
        "late": "globals()['lo' + 'ad'] = print",
        "getter": "def __getattr__(name):\n    return print",
        "broken": "def",
    }
    for name, source in ways.items():
        (tmp_path / f"{name}.py").write_text(source)
        check_name(f"{tmp_path / name}.py:load")


@pytest.mark.parametrize(
    ("arguments", "device"), [({}, "cuda:1"), ({"device": "mine"}, "mine")], ids=["given", "overridden"]
)
def test_factories_that_take_a_device_get_it(package: Path, arguments: dict, device: str) -> None:
    model = load_model("studio.lips:Painter", arguments, device="cuda:1")
    assert model.generator.device == device  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("absent", {}, ["'absent'", "demo"]),
        (
            "no_such_package.lips:Painter",
            {},
            ["no module 'no_such_package.lips'", "expected package.module:attribute"],
        ),
        ("studio.absent:Painter", {}, ["no module 'studio.absent'"]),
        ("studio.lips:Absent", {}, ["no attribute 'Absent'", "Painter", "build"]),
        ("studio.lips:Nested.outer", {}, ["no attribute 'Nested.outer'"]),
        ("absent.py:Painter", {}, ["no such file absent.py"]),
        ("studio/lips.py:Absent", {}, ["no attribute 'Absent'"]),
        ("studio.lips:number", {}, ["is a int", "generate(frames, audio, reference)"]),
        ("studio.lips:wrong_build", {}, ["built a object without a generate"]),
        ("studio.lips:ready", {"colour": 1}, ["ready-made", "colour"]),
        ("studio.lips:plain", {"colour": 1}, ["ready-made", "colour"]),
        ("studio.lips:build", {}, ["missing a required argument: 'colour'", "(colour, depth)"]),
        ("studio.lips:build", {"color": 7}, ["missing a required argument: 'colour' (got 'color')"]),
        ("studio.lips:build", {"colour": 1, "hue": 2}, ["unexpected keyword argument 'hue'"]),
        ("studio.lips:needs_much", {"checkpoint": "x"}, ["'steps'", "--lipleak-model-arg"]),
    ],
)
def test_a_name_that_does_not_work_says_why(
    package: Path, name: str, arguments: dict, words: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_model(name, arguments)
    assert repr(name) in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("studoi.lips:Painter", "; did you mean studio?"),
        ("studio.lip:Painter", "; did you mean lips?"),
        ("dmo:leaky", "; did you mean demo?"),
        ("xyzzy:loud", "or among the installed packages"),
    ],
)
def test_a_typo_before_the_colon_is_answered_by_what_is_there(package: Path, name: str, ends: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_model(name)
    assert str(caught.value).endswith(ends)
    if name.startswith("studio."):  # its submodules are known when it is imported, and not before
        return
    with pytest.raises(ConfigurationError) as caught:
        check_name(name)
    assert str(caught.value).endswith(ends)


@pytest.mark.parametrize(
    "name", ["absent", "no_such_package.lips:Painter", "absent.py:Painter", "not a module:x", ""]
)
def test_a_name_is_checked_without_importing_it(package: Path, name: str) -> None:
    with pytest.raises(ConfigurationError):
        check_name(name)
    check_name("studio.lips:Painter")
    assert "studio.lips" not in sys.modules


def test_an_error_inside_the_users_module_is_shown_as_it_is(package: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="a_package_that_is_not_there"):
        load_model("studio.broken:Painter")


def test_a_module_from_a_file_is_registered_before_it_runs(tmp_path: Path) -> None:
    source = (
        "from dataclasses import dataclass\nfrom typing import ClassVar\n@dataclass\nclass Model:\n"
        "    share: 'float' = 0.5\n    def generate(self, frames, audio, reference): return frames\n"
    )
    (tmp_path / "modern.py").write_text("from __future__ import annotations\n" + source)
    model = load_model(f"{tmp_path / 'modern.py'}:Model")
    assert painted(model) == 0


def test_a_builder_runs_a_file_once_and_its_factory_at_every_call(tmp_path: Path) -> None:
    source = (
        "from pathlib import Path\nwith Path(__file__).with_name('log').open('a') as log:\n    log.write('run ')\n"
        "class Painter:\n    def __init__(self, colour): self.colour = colour\n"
        "    def generate(self, frames, audio, reference): return frames + self.colour\n"
    )
    (tmp_path / "noted.py").write_text(source)
    build = model_builder(f"{tmp_path / 'noted.py'}:Painter", {"colour": 5})
    first, second = build(), build()
    assert (painted(first), painted(second)) == (5, 5)
    assert first.generator is not second.generator
    assert type(first.generator) is type(second.generator)
    assert (tmp_path / "log").read_text() == "run "


@pytest.fixture
def installed(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that packages registered generators under the entry-point group."""
    points = [
        EntryPoint("painter", "studio.lips:Painter", "pytest_lipleak.generators"),
        EntryPoint("lost", "no_such_package:Painter", "pytest_lipleak.generators"),
        EntryPoint("other", "studio.lips:number", "another.group"),
    ]
    monkeypatch.setattr(
        registry, "entry_points", lambda *, group: [point for point in points if point.group == group]
    )


@pytest.mark.usefixtures("installed")
def test_installed_packages_register_models_by_name() -> None:
    assert {"demo", "lost", "painter", "wav2lip"} <= {*known_names()}
    check_name("painter")
    assert painted(load_model("painter", {"colour": 31})) == 31
    with pytest.raises(ConfigurationError, match=r"lost.*painter"):
        load_model("paintre")
    with pytest.raises(ConfigurationError):
        load_model("other")


@pytest.mark.parametrize(
    ("pairs", "arguments"),
    [
        ((), {}),
        (("a=1", "b=0.5", "c=True", "d=None"), {"a": 1, "b": 0.5, "c": True, "d": None}),
        (("checkpoint=models/x.pth", "url=a=b"), {"checkpoint": "models/x.pth", "url": "a=b"}),
        (("sizes=[1, 2]", "empty=", "quoted='1'"), {"sizes": [1, 2], "empty": "", "quoted": "1"}),
    ],
)
def test_arguments_are_read_as_python_or_text(pairs: tuple[str, ...], arguments: dict) -> None:
    assert registry.parse_arguments(pairs) == arguments


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (("checkpoint",), "expected key=value"),
        (("=3",), "expected key=value"),
        (("a b=3",), "expected key=value"),
        (("a=1", "a=2"), "'a' is given twice"),
    ],
)
def test_arguments_that_cannot_be_read_are_named(pairs: tuple[str, ...], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        registry.parse_arguments(pairs)


class Silent:
    def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return frames


@pytest.mark.parametrize(
    "candidate", [Silent(), lambda frames, audio, reference: frames, Model("named", Silent())]
)
def test_a_fixture_may_return_a_generator_a_function_or_a_model(candidate: object) -> None:
    model = as_model(candidate)
    assert painted(model) == 0
    assert model.name == ("named" if isinstance(candidate, Model) else model.name)
    assert model.name


@pytest.mark.parametrize("candidate", [None, 3, "demo", object()])
def test_a_fixture_that_returns_something_else_is_told(candidate: object) -> None:
    with pytest.raises(ConfigurationError):
        as_model(candidate)


@pytest.mark.parametrize(
    ("fingerprint", "expected"), [("v1", "v1"), (lambda: "v2", "v2"), (7, "7"), (None, None)]
)
def test_a_fingerprint_is_a_text_or_gives_one(fingerprint: object, expected: str | None) -> None:
    generator = Silent()
    if fingerprint is not None:
        generator.fingerprint = fingerprint  # type: ignore[attr-defined]
    assert Model("m", generator).fingerprint == expected


def test_a_function_declares_in_its_attributes() -> None:
    def mask_free(frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return frames

    mask_free.supports = ()  # type: ignore[attr-defined]
    mask_free.fingerprint = "v1"  # type: ignore[attr-defined]
    model = as_model(mask_free)
    assert declared_by(model.generator).references == ("AR",)
    assert model.fingerprint == "v1"
    assert not hasattr(model.generator, "use_clips")


def test_a_declaration_is_checked_when_the_model_is_built() -> None:
    class Misspelt:
        silence = "zero"

        def generate(self, frames: np.ndarray, audio: np.ndarray, reference: np.ndarray) -> np.ndarray:
            return frames

    with pytest.raises(
        GeneratorError, match="model 'Misspelt': its `silence` is 'zero'; expected one of zeros, noise"
    ):
        as_model(Misspelt())


NAMED_BY_ITS_PATH = """
class Named:
    def __init__(self, checkpoint):
        self.fingerprint = f"net {checkpoint}"

    def generate(self, frames, audio, reference):
        return frames
"""


def test_a_file_that_is_written_again_is_another_model_under_the_same_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.py").write_text(NAMED_BY_ITS_PATH)
    Path("model.pth").write_bytes(b"one epoch")
    Path("weights").mkdir()
    Path("weights/a.pth").write_bytes(b"one epoch")

    def fingerprint(checkpoint: str) -> str | None:
        return load_model("net.py:Named", {"checkpoint": checkpoint}).fingerprint

    for given, file in (("model.pth", "model.pth"), ("weights", "weights/a.pth")):
        first = fingerprint(given)
        assert first == fingerprint(given)
        assert str(first).startswith(f"net {given} ")
        Path(file).write_bytes(b"two epochs")
        assert fingerprint(given) != first
    assert fingerprint("no file") == "net no file"
    Path("no weights").mkdir()
    Path("no weights/log.txt").touch()
    assert fingerprint("no weights") == "net no weights"
    assert fingerprint("") == "net "
    Path("calls.log").touch()
    assert fingerprint("calls.log") == "net calls.log"


def test_files_that_a_factory_takes_by_default_or_in_a_list_count_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    Path("net.py").write_text(
        NAMED_BY_ITS_PATH.replace("checkpoint):", "checkpoint='model.pth', more=()):")
        + "\n\ndef load(checkpoint='~/model.pth', device='cpu'): return Named(checkpoint)\n"
        "\n\nimport functools\n\nbound = functools.partial(Named, 'no', ['model.pth'])\n"
    )
    asked: list[tuple[str, dict[str, object]]] = [
        ("net.py:Named", {}),
        ("net.py:load", {}),
        ("net.py:Named", {"checkpoint": "no", "more": ["x", {"y": "model.pth"}]}),
        ("net.py:bound", {}),
    ]
    for name, arguments in asked:
        Path("model.pth").write_bytes(b"one epoch")
        first = load_model(name, arguments).fingerprint
        assert load_model(name, arguments).fingerprint == first
        Path("model.pth").write_bytes(b"two epochs")
        assert load_model(name, arguments).fingerprint != first


def test_copies_of_a_folder_of_weights_are_one_model(tmp_path: Path) -> None:
    """Parts of a run are measured on machines that each fetched it."""
    (tmp_path / "net.py").write_text(NAMED_BY_ITS_PATH.replace('f"net {checkpoint}"', '"net"'))
    found = []
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "a.pth").write_bytes(b"one epoch")
        os.utime(tmp_path / place / "a.pth", (len(found), len(found)))
        found.append(
            load_model(f"{tmp_path}/net.py:Named", {"checkpoint": str(tmp_path / place)}).fingerprint
        )
    assert found[0] == found[1] != "net"


@pytest.mark.parametrize("hidden", ["behind a link", "beside an unreadable file", "in capitals"])
def test_every_weight_file_of_a_folder_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hidden: str
) -> None:
    (tmp_path / "net.py").write_text(NAMED_BY_ITS_PATH)
    weights, runs = tmp_path / "weights", tmp_path / "runs"
    weights.mkdir()
    runs.mkdir()
    (weights / "again").symlink_to(weights)  # leads back
    file = weights / "model.pth"
    if hidden == "behind a link":
        (weights / "latest").symlink_to(runs)
        file = runs / "model.pth"
    elif hidden == "in capitals":
        file = weights / "MODEL.PTH"
    else:
        (weights / "a.pth").touch()
        opened = Path.open

        def refusing(path: Path, *arguments: Any, **more: Any) -> Any:  # rights stop no root
            if path.name == "a.pth":
                raise PermissionError(13, "Permission denied", str(path))
            return opened(path, *arguments, **more)

        monkeypatch.setattr(Path, "open", refusing)

    def fingerprint() -> str | None:
        return load_model(f"{tmp_path}/net.py:Named", {"checkpoint": str(weights)}).fingerprint

    file.write_bytes(b"one epoch")
    first = fingerprint()
    assert fingerprint() == first
    file.write_bytes(b"two epochs")
    assert fingerprint() != first


@dataclass
class Settings:
    weights: str = "model.pth"


def test_files_are_found_in_whatever_holds_their_names(tmp_path: Path) -> None:
    (tmp_path / "model.pth").touch()
    endless: list[object] = ["model.pth"]
    endless.append(endless)
    holders: tuple[object, ...] = (
        Settings(), SimpleNamespace(a={"b": Path("model.pth")}), partial(Settings, "model.pth"), {"model.pth"},
        partial(Settings, weights="model.pth"), endless, tmp_path / "model.pth",
    )  # fmt: skip
    for holder in holders:
        assert {*NamedFiles({"x": holder}, tmp_path)} == {tmp_path / "model.pth"}
    for other in (Settings, b"model.pth", 3, None, "", ".", "\0", "no.pth", Settings("no.pth")):
        assert not [*NamedFiles({"x": other}, tmp_path)]


def test_of_a_folder_its_weights_count_and_what_is_configured_beside_them(tmp_path: Path) -> None:
    for name in (
        "net/model.GGUF",
        "net/config.json",
        "net/calls.log",
        "net/out.mp4",
        "out/scores.json",
        "out/a.csv",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [file.name for file in NamedFiles({"x": tmp_path})]
    assert found == ["config.json", "model.GGUF"]


@pytest.mark.parametrize(
    "when", ["before it is built", "while it is built", "after it is built", "after all"]
)
def test_a_file_that_changes_while_a_model_is_loaded_says_nothing_of_it(tmp_path: Path, when: str) -> None:
    """Whether the model has the old weights or the new ones nobody knows, so nothing is reused as made by either."""
    file = tmp_path / "model.pth"
    file.write_bytes(b"one epoch")
    trains = "    from pathlib import Path; Path(checkpoint).write_bytes(b'two epochs')\n"
    (tmp_path / "net.py").write_text(
        f"{NAMED_BY_ITS_PATH}\n\ndef load(checkpoint):\n"
        f"{trains * (when == 'while it is built')}    return Named('it')\n"
    )
    build = model_builder(f"{tmp_path}/net.py:load", {"checkpoint": str(file)})
    if when == "before it is built":
        file.write_bytes(b"two epochs")
    model = build()
    if when == "after it is built":
        file.write_bytes(b"two epochs")
    assert (model.fingerprint is None) is (when in ("while it is built", "after it is built"))
    assert not model.files.changed_since_read
    if when == "after all":
        file.write_bytes(b"two epochs")
        assert model.files.changed_since_read, "to load it again would make another model of it"


def test_a_file_that_a_factory_fetches_is_no_change(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        f"{NAMED_BY_ITS_PATH}\n\ndef load(checkpoint):\n    open(checkpoint, 'a').close()\n    return Named('it')\n"
    )
    model = load_model(f"{tmp_path}/net.py:load", {"checkpoint": str(tmp_path / "fetched.pth")})
    assert str(model.fingerprint).startswith("net it ")


def test_a_file_counts_where_a_factory_goes_to_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # and back again
    (tmp_path / "elsewhere").mkdir()
    Path("net.py").write_text(
        f"import os\n{NAMED_BY_ITS_PATH}\n\n"
        "def load(checkpoint):\n    os.chdir('elsewhere')\n    return Named(checkpoint)\n"
    )
    found = []
    for content in (b"one epoch", b"two epochs"):
        os.chdir(tmp_path)
        Path("model.pth").write_bytes(content)
        found.append(load_model("net.py:load", {"checkpoint": "model.pth"}).fingerprint)
    assert found[0] != found[1]
