"""A real Slurm of one node on loopback: munged, slurmctld and slurmd as processes of the test's."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from processes import eventually

DAEMONS = ("munged", "slurmctld", "slurmd")
SBIN = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"

# No cgroups and no accounting: what a container has, and a small cluster.
CONFIG = """\
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
MpiDefault=none
NodeName={host} NodeAddr=127.0.0.1 CPUs=2
PartitionName=all Nodes={host} Default=YES
"""


def missing() -> str:
    """Why there can be no Slurm here; empty if there can."""
    absent = [name for name in DAEMONS if shutil.which(name, path=SBIN) is None]
    if absent:
        return f"Slurm is not installed: no {absent[0]} (Debian's packages slurm-wlm and munge)"
    return "" if os.geteuid() == 0 else "only root can start a slurmd"


class Slurm:
    """``with Slurm(folder) as slurm:`` — inside, ``slurm.config`` is the SLURM_CONF of a cluster.

    It has one node of two CPUs. Whatever it started has ended afterwards.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self.config = folder, folder / "slurm.conf"
        self._stack = ExitStack()

    def __enter__(self) -> Slurm:
        folder = self._folder
        for name in ("state", "spool"):
            (folder / name).mkdir()
        with socket.socket() as one, socket.socket() as other:
            for free in (one, other):
                free.bind(("127.0.0.1", 0))
            ports = [free.getsockname()[1] for free in (one, other)]
        host = socket.gethostname().split(".")[0]
        self.config.write_text(CONFIG.format(host=host, ports=ports, folder=folder))
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        files = ("socket", "key-file", "pid-file", "log-file", "seed-file")
        own = [f"--{name}={folder}/munge.{name.removesuffix('-file')}" for name in files]
        with self._stack:
            # Temporary folders are below /tmp, where everybody writes: munged wants to be forced.
            self._start("munged", "--foreground", "--force", *own)
            eventually((folder / "munge.socket").exists, 60)
            self._start("slurmctld", "-D", "-i")
            self._start("slurmd", "-D")
            self._stack.callback(self._cancel_all)
            eventually(lambda: "idle" in self.ask("sinfo", "--noheader", "--format=%T"), 60)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def ask(self, *command: str) -> str:
        """What one of Slurm's programs prints; empty if it fails."""
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False
        )
        return done.stdout

    @property
    def queue(self) -> list[str]:
        """The ids of the jobs that wait, run or end, each of an array by itself."""
        return self.ask("squeue", "--noheader", "--array", "--format=%i").split()

    def cancel(self, jobs: Sequence[str]) -> None:
        """`scancel`, as a person does it."""
        subprocess.run(["scancel", *jobs], env=self._environment, check=True)

    @property
    def _environment(self) -> dict[str, str]:
        return os.environ | {"SLURM_CONF": str(self.config), "PATH": SBIN}

    def _start(self, name: str, *arguments: str) -> None:
        log = self._stack.enter_context((self._folder / f"{name}.out").open("w"))
        process = subprocess.Popen(
            [name, *arguments], env=self._environment, stdout=log, stderr=log, cwd=self._folder
        )
        self._stack.callback(self._end, process)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _cancel_all(self) -> None:
        self.ask("scancel", "--user=root")
        eventually(lambda: not self.queue, 60)
