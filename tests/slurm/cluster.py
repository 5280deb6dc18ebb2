"""A Slurm cluster on this machine: munge, accounting, a controller and one node of two cores.

    python tests/slurm/cluster.py start FOLDER     # prints what to export
    python tests/slurm/cluster.py stop FOLDER

Everything lies in FOLDER (keys, sockets, state, logs); nothing of the system is touched. Needs
Debian's slurm-wlm, slurmdbd, munge and mariadb-server. Control groups are not needed, so it works
inside a container. The node has two graphics cards by name only: jobs that ask for one are
scheduled as on a real cluster, and compute on the CPU.
"""

from __future__ import annotations

import argparse
import getpass
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.slurm import settings

PROGRAMS = ("munged", "mariadbd", "mariadb-install-db", "slurmdbd", "slurmctld", "slurmd", "sacct")
WAIT_SECONDS = 60.0


def ports(count: int) -> list[int]:
    """Return free ports."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    found: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return found


def wait(what: str, ready: Callable[[], bool]) -> None:
    """Wait until something is ready; one line if it never is."""
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        if ready():
            return
        time.sleep(0.3)
    sys.exit(f"{what}: not ready after {WAIT_SECONDS:.0f} s: see its log")


def says(*command: str) -> str:
    """Return what a command prints, nothing where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def works(*command: str) -> bool:
    """Say whether a command succeeds."""
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class Cluster:
    """The services in one folder; each one's process id lies beside its log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        own = {
            "SLURM_CONF": str(self.folder / "slurm.conf"),
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        self.environment = {**os.environ, **own}
        os.environ.update(own)

    def _launch(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            service = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=self.environment,
            )
        (self.folder / f"{name}.pid").write_text(f"{service.pid}\n")

    def start(self, prolog: Path | None = None) -> None:
        """Start all services and wait until the node takes jobs.

        Args:
            prolog: a script that says each task's further environment (Slurm's TaskProlog).
        """
        missing = [name for name in PROGRAMS if shutil.which(name) is None]
        if missing:
            packages = "slurm-wlm slurmdbd munge mariadb-server"
            sys.exit(f"{', '.join(missing)}: no such command: apt-get install {packages}")
        self.folder.mkdir(parents=True, mode=0o755)
        user, host = getpass.getuser(), socket.gethostname().split(".")[0]
        database, accounting, controller, node = ports(4)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir()
        # the executor's job steps forget SLURM_CONF: on a usual cluster it lies in /etc/slurm
        srun = self.folder / "bin" / "srun"
        conf = shlex.quote(self.environment["SLURM_CONF"])
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {shutil.which("srun")} "$@"\n')
        srun.chmod(0o755)
        common = settings.common(self.folder, user)
        (self.folder / "gres.conf").write_text(settings.GRES.format(host=host))
        (self.folder / "slurm.conf").write_text(
            settings.slurm(self.folder, common, host, accounting, controller, node, prolog)
        )
        dbd = self.folder / "slurmdbd.conf"
        dbd.write_text(settings.dbd(self.folder, common, accounting, database))
        dbd.chmod(0o600)  # slurmdbd refuses a readable one

        socket_path = self.folder / "munge.socket"
        self._launch("munged", "munged", "--foreground", "--force", *settings.munge(self.folder))
        wait("munged", socket_path.exists)
        self._start_database(user, database)
        self._launch("slurmdbd", "slurmdbd", "-D")
        wait("slurmdbd", lambda: works("sacctmgr", "-n", "list", "cluster"))
        for what in (
            ("cluster", settings.CLUSTER),
            ("account", "tests", f"cluster={settings.CLUSTER}"),
            ("user", user, "account=tests"),
        ):
            subprocess.run(["sacctmgr", "-i", "-Q", "add", *what], check=True)
        self._launch("slurmctld", "slurmctld", "-D")
        wait("slurmctld", lambda: "UP" in says("scontrol", "ping"))
        self._launch("slurmd", "slurmd", "-D")
        wait("slurmd", lambda: "idle" in says("sinfo", "-h", "-o", "%T"))

    def _start_database(self, user: str, port: int) -> None:
        data = self.folder / "database"
        plain = ("--no-defaults", f"--datadir={data}", f"--user={user}")
        made = subprocess.run(
            ["mariadb-install-db", *plain, "--auth-root-authentication-method=normal"],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            sys.exit(f"mariadb-install-db: {made.stderr.strip().splitlines()[-1]}")
        mysql = self.folder / "mysql.socket"
        self._launch(
            "mariadbd", "mariadbd", *plain, f"--port={port}", "--bind-address=127.0.0.1",
            f"--socket={mysql}", f"--pid-file={self.folder}/mariadbd.own.pid",
        )  # fmt: skip
        grant = (
            "create user slurm@127.0.0.1 identified by 'slurm';"
            " create user slurm@localhost identified by 'slurm';"
            " grant all on slurm_acct_db.* to slurm@127.0.0.1;"
            " grant all on slurm_acct_db.* to slurm@localhost"
        )
        client = ("mariadb", "--no-defaults", f"--socket={mysql}", "-uroot")
        wait("mariadbd", lambda: works(*client, "-e", "select 1"))
        subprocess.run([*client, "-e", grant], check=True)

    def stop(self) -> None:
        """Stop all services, the last one first; the folder and its logs stay."""
        for name in ("slurmd", "slurmctld", "slurmdbd", "mariadbd", "munged"):
            path = self.folder / f"{name}.pid"
            if not path.is_file():
                continue
            pid = int(path.read_text())
            for number, seconds in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0)):
                if _gone(pid, number, seconds):
                    break
            path.unlink()


def _gone(pid: int, number: signal.Signals, seconds: float) -> bool:
    try:
        os.kill(pid, number)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # a child of this process has to be waited for, another one only looked at
            try:
                if os.waitpid(pid, os.WNOHANG)[0] == pid:
                    return True
            except ChildProcessError:
                os.kill(pid, 0)
            time.sleep(0.1)
    except ProcessLookupError:
        return True
    return False


def main() -> None:
    """Start or stop."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("what", choices=("start", "stop"))
    parser.add_argument("folder", type=Path)
    args = parser.parse_args()
    cluster = Cluster(args.folder)
    if args.what == "stop":
        cluster.stop()
        return
    cluster.start()
    print(f"export SLURM_CONF={cluster.folder}/slurm.conf PATH={cluster.folder}/bin:$PATH")


if __name__ == "__main__":
    main()
