"""Prints pyproject.toml's lower bounds as pip constraints: numpy>=2.0 → numpy==2.0."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
for requirement in [*project["dependencies"], *project["optional-dependencies"]["test"]]:
    bound = re.fullmatch(r"([\w.-]+)>=([\w.]+)(?:,.*)?", requirement)
    if bound is None:
        raise SystemExit(f"{requirement}: has no lower bound")
    print(f"{bound[1]}=={bound[2]}")
