"""``rnnx new-plugin``: write the project of a plugin from templates."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from pathlib import Path
from string import Template

from rnnx.config.recipes import conf_folder
from rnnx.contracts.components import API_VERSION, KINDS
from rnnx.errors import ConfigError
from rnnx.registry.manager import registry
from rnnx.version import __version__

TEMPLATES = Path(__file__).resolve().parent / "templates"
MAX_NAME = 60  # characters


def new_plugin(name: str, kind: str, into: Path, targets: bool = False) -> list[Path]:
    """Write the project ``name`` with one component of ``kind`` into a new folder; its files.

    With ``targets`` it is a data set with targets of its own, or a head for such targets.
    The folder and the distribution are called ``name``, the package the same with ``_``, the
    component the same without a leading ``rnnx-``. ConfigError, before anything is written, where
    one of these names is not allowed or is taken.
    """
    if targets and kind not in ("dataset", "head"):
        raise ConfigError(f"--targets: goes with --kind dataset or head, not with --kind {kind}")
    package, component = _names(name)
    _refuse_taken(name, package, component, kind)
    folder = into / name
    if folder.exists() or folder.is_symlink():
        raise ConfigError(f"{folder}: exists already; choose another name or another folder")
    words = _words(name, package, component, kind)
    texts = {
        folder / path: Template((TEMPLATES / template).read_text("utf-8")).substitute(words)
        for path, template in _tree(package, component, kind, targets).items()
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return list(texts)


def _names(name: str) -> tuple[str, str]:
    """The names of the package and of the component."""
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name) or len(name) > MAX_NAME:
        raise ConfigError(
            f"{name[:80]}: a plugin's name has lower case letters and digits, separated by - or "
            f"_, begins with a letter and has at most {MAX_NAME} characters, as in rnnx-mine"
        )
    package = name.replace("-", "_")
    return package, re.sub(r"^rnnx_(?=[a-z])", "", package)


def _refuse_taken(name: str, package: str, component: str, kind: str) -> None:
    """ConfigError where a name would hide a module, a component or a recipe."""
    is_keyword = keyword.iskeyword(package) or keyword.iskeyword(component)
    if is_keyword or package in sys.stdlib_module_names or component == "rnnx":
        raise ConfigError(f"{name}: is a name of Python or rnnx itself; try rnnx-my-{component}")
    if package in ("src", "tests", "test", "conf") or importlib.util.find_spec(package):
        raise ConfigError(
            f"{name}: a package {package} exists already, and yours would hide it; "
            f"try rnnx-{component.replace('_', '-')}"
        )
    if component in registry().names(kind):
        owner = registry().get(kind, component).owner
        raise ConfigError(f"{name}: {kind} {component!r} belongs to {owner}; choose another name")
    if (conf_folder() / "experiment" / f"{component}.yaml").is_file():
        raise ConfigError(f"{name}: rnnx has experiment={component} already; choose another name")


def _words(name: str, package: str, component: str, kind: str) -> dict[str, str]:
    suite = f"{kind.capitalize()}Suite"
    tracker = "f\"tracker.folder={tmp_path / 'store'}\"" if kind == "tracker" else '"tracker=none"'
    return {
        "distribution": name,
        "package": package,
        "name": component,
        "Class": "".join(part.capitalize() for part in component.split("_")),
        "kind": kind,
        "plural": KINDS[kind],
        "Suite": suite,
        "tracker": tracker,
        "pad": " " * max(2, 39 - len(f"$ rnnx check {kind} {component}")),
        "minor": ".".join(__version__.split(".")[:2]),
        "api": str(API_VERSION),
    }


def _tree(package: str, component: str, kind: str, targets: bool) -> dict[str, str]:
    """Path in the project → template."""
    if targets:
        own = {
            f"src/{package}/{component}.py": f"targets/{kind}.py.txt",
            f"src/{package}/conf/experiment/{component}.yaml": f"targets/recipe-{kind}.yaml.txt",
        }
        return _tree(package, component, kind, False) | own
    of_kind = f"recipe-{kind}.yaml.txt"
    recipe = of_kind if (TEMPLATES / of_kind).is_file() else "recipe.yaml.txt"
    source = f"src/{package}"
    return {
        "pyproject.toml": "pyproject.toml.txt",
        "README.md": "README.md.txt",
        ".gitignore": "gitignore.txt",
        ".github/workflows/tests.yml": "ci.yml.txt",
        f"{source}/__init__.py": "init.py.txt",
        f"{source}/{component}.py": f"kinds/{kind}.py.txt",
        f"{source}/py.typed": "py.typed.txt",
        f"{source}/conf/experiment/{component}.yaml": recipe,
        f"tests/test_{component}.py": "test.py.txt",
    }
