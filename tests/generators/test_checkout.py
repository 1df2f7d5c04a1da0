"""Two checkouts with modules of the same names, side by side, and nothing of them left behind."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pytest_lipleak.core.errors import ConfigurationError, WeightsError
from pytest_lipleak.generators.checkout import Checkout, load_weights


def checkout(folder: Path, word: str, **given: object) -> Checkout:
    (folder / "models").mkdir(parents=True)
    (folder / "utils.py").write_text(f"WORD = {word!r}\n")
    (folder / "models" / "__init__.py").write_text("import a_package_that_is_not_there\n" if given else "")
    (folder / "models" / "net.py").write_text(
        "from utils import WORD\n\nclass Net:\n    word = WORD\n\n    def later(self):\n"
        "        from models import helper\n        return helper.WORD\n"
    )
    (folder / "models" / "helper.py").write_text("from utils import WORD\n")
    return Checkout("system", folder, ("models/net.py",), "owner/name", **given)  # type: ignore[arg-type]


def test_modules_of_the_same_name_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    users_own = ModuleType("utils")
    monkeypatch.setitem(sys.modules, "utils", users_own)
    path, names = sys.path.copy(), set(sys.modules)
    one, other = checkout(tmp_path / "one", "first"), checkout(tmp_path / "other", "second")
    first, second = (each.attribute("models.net", "Net") for each in (one, other))
    assert (first.word, second.word) == ("first", "second")
    assert one.attribute("models.net", "Net") is first
    with other.active():
        assert second().later() == "second"
        with one.active():
            assert first().later() == "first"
    assert sys.path == path
    assert set(sys.modules) == names
    assert sys.modules["utils"] is users_own


def test_a_bare_package_does_not_run_its_init(tmp_path: Path) -> None:
    assert checkout(tmp_path / "one", "word", bare=("models",)).attribute("models.net", "Net").word == "word"
    with pytest.raises(ConfigurationError, match=r"needs the package 'a_package_that_is_not_there'"):
        checkout(tmp_path / "other", "word", roots=(".",)).attribute("models.net", "Net")


def test_a_folder_without_init_goes_before_a_module_of_the_users_and_behind_an_installed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "users").mkdir()
    (tmp_path / "users" / "models.py").write_text("raise RuntimeError('the module beside the tests')\n")
    monkeypatch.syspath_prepend(tmp_path / "users")
    found = checkout(tmp_path / "one", "word")
    (tmp_path / "one" / "models" / "__init__.py").unlink()
    for name in ("weights", "filelock"):
        (tmp_path / "one" / name).mkdir()
    (tmp_path / "one" / "filelock" / "convert.py").touch()
    found = Checkout("system", tmp_path / "one", ("models/net.py",), "owner/name")
    assert found.attribute("models.net", "Net").word == "word"
    assert str(tmp_path) not in found.attribute("filelock", "__file__"), "the installed one"


def test_an_attribute_that_is_not_there_names_the_module(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"models\.net of .* has no Network; expected owner/name"):
        checkout(tmp_path / "one", "word").attribute("models.net", "Network")


def test_the_digest_is_of_the_source_wherever_it_lies(tmp_path: Path) -> None:
    one, same = checkout(tmp_path / "one", "word"), checkout(tmp_path / "same", "word")
    assert one.digest == same.digest
    (tmp_path / "same" / "weights.pth").write_bytes(b"not source")
    (tmp_path / "third").mkdir()
    assert Checkout("system", tmp_path / "same", (), "").digest == one.digest
    (tmp_path / "same" / "config.yaml").write_text("size: 96\n")
    assert Checkout("system", tmp_path / "same", (), "").digest != one.digest


def test_weights_are_found_where_they_lie_and_checked(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    state = {
        "module.weight": torch.ones(1, 2),
        "module.bias": torch.zeros(1),
        "module.loss.weight": torch.ones(3),
    }
    for content, within in (
        (state, ()),
        ({"state_dict": state}, ("state_dict",)),
        ({"state_dict": {"net_g": state}}, ("state_dict", "net_g")),
    ):
        torch.save(content, tmp_path / "weights.pth")
        network = load_weights(
            "s", torch.nn.Linear(2, 1), tmp_path / "weights.pth", within=within, skip="loss."
        )
        assert network(torch.tensor([[1.0, 2.0]])).item() == 3
        assert not network.training
    with pytest.raises(WeightsError, match=r"1 parameters unknown \(first loss\.weight\)"):
        load_weights("s", torch.nn.Linear(2, 1), tmp_path / "weights.pth", within=("state_dict", "net_g"))
    torch.save({"weight": torch.full((1, 2), np.nan), "bias": torch.zeros(1)}, tmp_path / "nan.pth")
    with pytest.raises(WeightsError, match="weight contains NaN"):
        load_weights("s", torch.nn.Linear(2, 1), tmp_path / "nan.pth")
    torch.save(torch.nn.Linear(2, 1), tmp_path / "pickle.pth")
    with pytest.raises(WeightsError, match="pickled code, which is never run"):
        load_weights("s", torch.nn.Linear(2, 1), tmp_path / "pickle.pth")
