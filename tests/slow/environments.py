"""Virtual environments of their own."""

import os
import subprocess
import sys
from pathlib import Path


class Venv:
    """A virtual environment of its own."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)

    def pip(self, *arguments: str) -> None:
        pip = [self.bin / "python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, *arguments], check=True)

    def run(self, cwd: Path, *command: str, code: int = 0) -> str:
        """Run a program of the environment's; its output, standard error included."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL"))}
        path = f"{self.bin}{os.pathsep}{clean['PATH']}"
        done = subprocess.run(
            [self.bin / command[0], *command[1:]],
            cwd=cwd,
            env=clean | {"PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{command}: {done.returncode}\n{done.stdout}"
        return done.stdout
