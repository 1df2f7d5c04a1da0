"""The house: imports run downwards only, heavy packages are imported when used, public names are explained."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest_lipleak

PACKAGE = Path(pytest_lipleak.__file__).parent
NAME = PACKAGE.name

FLOORS: tuple[tuple[str, ...], ...] = (
    ("core",),
    ("verdicts", "machine"),
    ("media", "statistics"),
    ("sync",),
    ("faces",),
    ("quality", "generators", "plan", "store"),
    ("evaluation",),
    ("report",),
    ("assertions", "settings", "strategies"),
    ("run",),
    ("pytest_plugin", "functions"),
    ("gates", "fixtures"),
    ("plugin", "session_hooks", "cli"),
)
"""Rooms by floor, lowest first. A room may import from lower floors, and within itself."""

INSIDE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "evaluation": (
        ("make",),
        ("measures",),
        ("probes",),
        ("on_demand",),
        ("results",),
        ("assembly",),
        ("clip_by_clip",),
        ("measuring",),
        ("judging",),
        ("evaluation",),
    ),
}
"""Floors within a room; what is not named stands above those that are."""

FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
SEES_PYTEST = {
    "assertions",
    "report",
    "settings",
    "pytest_plugin",
    "gates",
    "fixtures",
    "plugin",
    "session_hooks",
}
"""Scoring, from ``core`` to ``evaluation``, never imports pytest, nor does the command line tool."""

HEAVY = {
    "ai_edge_litert", "av", "cv2", "distributed", "filelock", "hypothesis", "jinja2", "librosa", "matplotlib",
    "onnx", "onnxruntime", "pooch", "scipy", "skimage", "sklearn", "torch", "torchvision",
}  # fmt: skip
MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def targets(node: ast.AST) -> Iterator[str]:
    """Full names of what an import statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module:
        assert node.level == 0, "relative imports hide which room they enter"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imports(path: Path) -> set[str]:
    """Everything the file imports, inside functions too."""
    return {target for node in ast.walk(parsed(path)) for target in targets(node)}


def imported_at_once(path: Path) -> set[str]:
    """What importing the module imports: all outside of functions and of ``if TYPE_CHECKING``."""
    found: set[str] = set()
    waiting: list[ast.AST] = [parsed(path)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        found |= set(targets(node))
        waiting += ast.iter_child_nodes(node)
    return found


def rooms_entered(path: Path) -> set[str]:
    return {target.split(".")[1] for target in imports(path) if target.startswith(f"{NAME}.")}


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(path) for path in MODULES} - {"__init__"}
    assert rooms == set(FLOOR), "give a new room its floor in FLOORS"


def test_the_map_for_contributors_shows_every_room() -> None:
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    plan = text.partition(f"{NAME}/\n")[2].partition("```")[0]
    shown = set(re.findall(r"(?:^|  )(\w+)(?:/|\.py)(?=\s)", plan, re.MULTILINE))
    assert set(FLOOR) <= shown, "say in CONTRIBUTING.md what the room is for"


def test_imports_run_downwards() -> None:
    upwards = [
        f"{name_of(path)} imports from {other}, which is not below {room_of(path)}"
        for path in MODULES
        if name_of(path) != "__init__.py"
        for other in rooms_entered(path) - {room_of(path)}
        if FLOOR[other] >= FLOOR[room_of(path)]
    ]
    assert upwards == []


def test_imports_run_downwards_inside_rooms_too() -> None:
    upwards = []
    for path in MODULES:
        room, *inside = path.relative_to(PACKAGE).with_suffix("").parts
        if room in INSIDE and inside:
            floors = {name: height for height, names in enumerate(INSIDE[room]) for name in names}
            height = floors.get(inside[0], len(floors))
            upwards += [
                f"{name_of(path)} imports {target}"
                for target in imports(path)
                if target.startswith(f"{NAME}.{room}.")
                and (entered := target.split(".")[2]) != inside[0]
                and floors.get(entered, len(floors)) >= height
            ]
    assert upwards == []


def test_no_file_imports_itself_by_way_of_others() -> None:
    modules = {".".join((NAME, *path.relative_to(PACKAGE).with_suffix("").parts)): path for path in MODULES}
    below = {
        name: {
            module
            for target in imports(path)
            for module in (target, target.rpartition(".")[0])
            if module in modules and module != name
        }
        for name, path in modules.items()
    }
    sorter = TopologicalSorter(below)
    sorter.prepare()  # raises CycleError, which names the files


def test_only_the_top_floors_know_pytest() -> None:
    knows = {
        name_of(path): target
        for path in MODULES
        for target in imports(path)
        if target.split(".")[0] in ("pytest", "_pytest", "xdist") and room_of(path) not in SEES_PYTEST
    }
    assert knows == {}


def test_heavy_packages_are_imported_when_used() -> None:
    heavy = {path: {target.split(".")[0] for target in imported_at_once(path)} & HEAVY for path in MODULES}
    assert {name_of(path): names for path, names in heavy.items() if names} == {}, (
        "import inside the function that needs it"
    )


def test_the_plugin_needs_only_the_standard_library_and_pytest() -> None:
    """All modules that start with every pytest run, and what they import at once."""
    import sys

    seen: set[str] = set()
    waiting = ["plugin.py", "session_hooks.py"]
    others: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for target in imported_at_once(PACKAGE / name):
            top, *rest = target.split(".")
            if top != NAME:
                others.add(top)
                continue
            # Every prefix of pytest_lipleak.a.b.name that is a module is imported.
            for depth in range(1, len(rest) + 1):
                stem = "/".join(rest[:depth])
                waiting += [f for f in (f"{stem}.py", f"{stem}/__init__.py") if (PACKAGE / f).is_file()]
    assert others - set(sys.stdlib_module_names) == {"pytest"}
    assert {room_of(PACKAGE / name) for name in seen} <= SEES_PYTEST | {"run", "core"}


def undocumented(path: Path) -> Iterator[str]:
    tree = parsed(path)
    if not ast.get_docstring(tree):
        yield "the module"
    waiting: list[tuple[str, ast.AST]] = [("", node) for node in tree.body]
    while waiting:
        owner, node = waiting.pop()
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node):
            yield f"{owner}{node.name}"
        if isinstance(node, ast.ClassDef):
            waiting += [(f"{node.name}.", child) for child in node.body]


def test_public_names_are_explained() -> None:
    assert {name_of(path): names for path in MODULES if (names := list(undocumented(path)))} == {}


MOST_LINES, MOST_PARAMETERS = 250, 8


def parameters_of(node: ast.ClassDef) -> int:
    """How many values a class's own constructor takes."""
    for child in node.body:
        if isinstance(child, ast.FunctionDef) and child.name == "__init__":
            return len(child.args.args) + len(child.args.kwonlyargs) - 1
    return 0


def test_classes_are_small_and_constructors_take_few_values() -> None:
    large = {
        node.name
        for path in MODULES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef)
        and ((node.end_lineno or 0) - node.lineno + 1 > MOST_LINES or parameters_of(node) > MOST_PARAMETERS)
    }
    assert large == set()
