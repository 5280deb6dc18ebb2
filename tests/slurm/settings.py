"""What the services of the cluster in tests/slurm are told."""

from __future__ import annotations

from pathlib import Path

CLUSTER = "conpet"
# files that are there on every machine stand in for the cards
GRES = """\
NodeName={host} Name=gpu File=/dev/null
NodeName={host} Name=gpu File=/dev/zero
"""


def common(folder: Path, user: str) -> str:
    """Return what controller and accounting both need."""
    return f"SlurmUser={user}\nAuthType=auth/munge\nAuthInfo=socket={folder}/munge.socket\n"


def munge(folder: Path) -> list[str]:
    """Return munged's options."""
    return [
        f"--key-file={folder}/munge.key",
        f"--socket={folder}/munge.socket",
        f"--pid-file={folder}/munged.own.pid",
        f"--log-file={folder}/munged.own.log",
        f"--seed-file={folder}/munged.seed",
    ]


def dbd(folder: Path, common: str, port: int, database: int) -> str:
    """Return slurmdbd.conf."""
    return f"""\
{common}DbdHost=localhost
DbdPort={port}
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
PidFile={folder}/slurmdbd.own.pid
"""


def slurm(
    folder: Path,
    common: str,
    host: str,
    accounting: int,
    controller: int,
    node: int,
    prolog: Path | None,
) -> str:
    """Return slurm.conf. The node says it has more memory than it may have: nothing enforces it."""
    user = common.split("\n", maxsplit=1)[0].removeprefix("SlurmUser=")
    first = f"TaskProlog={prolog}\n" if prolog else ""
    return f"""\
{common}{first}ClusterName={CLUSTER}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={node}
SlurmdUser={user}
SlurmctldPidFile={folder}/slurmctld.own.pid
SlurmdPidFile={folder}/slurmd.own.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=5
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={accounting}
AccountingStoragePass={folder}/munge.socket
AccountingStorageUser={user}
AccountingStoreFlags=job_comment
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
AccountingStorageTRES=gres/gpu
GresTypes=gpu
ReturnToService=2
KillWait=5
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=64000 Gres=gpu:2
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
