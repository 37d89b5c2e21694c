"""Prints pyproject.toml's lower bounds as pip constraints: numpy>=2.0 → numpy==2.0."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
# The extra `test` begins with others of rnnx's own.
own, *rest = extras["test"]
names = re.fullmatch(r"rnnx\[(.*)\]", own)
assert names is not None
named = [requirement for name in names[1].split(",") for requirement in extras[name]]
for requirement in [*project["dependencies"], *named, *rest]:
    bound = re.fullmatch(r"([\w.-]+)(?:\[.*\])?>=([\w.]+)(?:,.*)?", requirement)
    if bound is None:
        raise SystemExit(f"{requirement}: has no lower bound")
    print(f"{bound[1]}=={bound[2]}")
