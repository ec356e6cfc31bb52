"""`make slurm`: both workflows through a real SLURM here, one job cancelled in mid-slice.

Starts munge, slurmctld and slurmd as one node on loopback (as root; Debian's packages are installed
when missing), runs the `slurm` profile, cancels a job of process_slice with scancel, and holds
record and voxels against linum_reconstruct.py. Everything that it started is stopped at the end, by
its process id. Where SLURM cannot be had it prints NOT RUN.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from preset import run, simulate
from sample import SAMPLE

from linumpy.synth.presets import preset
from tests.workflows import engine

PROGRAMS = ("munged", "slurmctld", "slurmd", "squeue", "scancel", "scontrol")
VICTIM = "nf-process_slice"
SLURM_CONF = """\
ClusterName=linumpy
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldPort=16817
SlurmdPort=16818
ReturnToService=2
MinJobAge=86400
SchedulerParameters=batch_sched_delay=1,sched_interval=5
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""
SITE = """\
process.queue = 'main'
executor.queueStatInterval = '2 sec'
executor.pollInterval = '1 sec'
"""


def main() -> int:
    """Run it in a folder that goes away afterwards; 0 when all is as it should be."""
    if why := _why_not():
        print(f"NOT RUN: {why}")
        return 0
    with tempfile.TemporaryDirectory(prefix="linumpy-slurm-") as folder:
        return check(Path(folder))


def _why_not() -> str:
    """Return what is missing for a SLURM of our own; install it where that is possible."""
    if os.geteuid() != 0:
        return "SLURM's daemons are started as root here"
    if not all(map(shutil.which, PROGRAMS)) and shutil.which("apt-get"):
        packages = ("slurm-wlm", "munge")
        argv = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
        subprocess.run(argv, check=False, stdout=subprocess.DEVNULL)
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    return f"no {', '.join(missing)} (Debian: slurm-wlm, munge)" if missing else ""


def check(folder: Path) -> int:
    """Both drivers on the same raw data; 0 when they agree and the cancelled job was retried."""
    raw, flags = _acquisition(folder)
    local = folder / "local"
    if run("linum_reconstruct.py", str(raw), str(local), *flags[0], *flags[1]) != 0:
        return 1
    with scheduler(folder / "slurm"):
        said, result = _run_workflows(raw, folder, flags)
        return _judge(said, result, local)


def _acquisition(folder: Path) -> tuple[Path, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return raw data and the flags of both workflows: the shared sample, else simulated data."""
    raw, axial, resolution = SAMPLE / "raw", 8.0, 50.0
    if not raw.is_dir():
        chosen = preset("demo")
        simulate(chosen.name, folder)
        raw, axial, resolution = folder / "raw", chosen.rig.axial_um, chosen.resolution_um
    first = ("--axial_resolution", f"{axial:g}", "--detect_galvo")
    return raw, (first, ("--resolution", f"{resolution:g}", "--auto_assess_quality"))


@contextlib.contextmanager
def scheduler(folder: Path) -> Iterator[None]:
    """Run munge, slurmctld and slurmd while the block runs."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    conf = folder / "slurm.conf"
    facts = {"cpus": os.cpu_count(), "memory_mb": _memory_mb(), "host": socket.gethostname()}
    conf.write_text(SLURM_CONF.format(folder=folder, **facts), encoding="utf-8")
    os.environ["SLURM_CONF"] = str(conf)
    munge = ("--key-file", key, "--socket", folder / "munge.socket", "--seed-file", folder / "seed")
    logs = ("--pid-file", folder / "munge.pid", "--log-file", folder / "munge.log")
    with (
        _daemon(folder, "munged", "--foreground", "--force", *munge, *logs),
        _daemon(folder, "slurmctld", "-D", "-f", conf),
        _daemon(folder, "slurmd", "-D", "-f", conf),
    ):
        _await_node(folder)
        yield


@contextlib.contextmanager
def _daemon(folder: Path, *argv: object) -> Iterator[None]:
    """Run a program in the foreground of nobody; stop it by its process id."""
    with (folder / f"{argv[0]}.out").open("w") as out:
        process = subprocess.Popen(list(map(str, argv)), stdout=out, stderr=subprocess.STDOUT)
    time.sleep(1)
    print(f"started {argv[0]}, process {process.pid}")
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        print(f"stopped {argv[0]}, process {process.pid}")


def _memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def _await_node(folder: Path) -> None:
    """Wait until the node takes jobs."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        if _ask("sinfo", "-h", "-o", "%T").strip() in ("idle", "mixed"):
            print(_ask("sinfo", "-V").strip() + ", one node: " + _ask("sinfo", "-h", "-o", "%N %C"))
            return
        time.sleep(1)
    logs = "\n".join(path.read_text() for path in folder.glob("*.out"))
    sys.exit(f"the node did not come up\n{logs}")


def _ask(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout


def _run_workflows(
    raw: Path, folder: Path, flags: tuple[tuple[str, ...], tuple[str, ...]]
) -> tuple[str, Path]:
    """Run both with the slurm profile; cancel the first job of `VICTIM` that runs."""
    site = folder / "site.config"
    site.write_text(SITE, encoding="utf-8")
    cpus = os.cpu_count() or 1
    where = ("-profile", "slurm", "-c", site, "--max_cpus", cpus, "--max_memory", "8.GB")
    made, result = folder / "preproc", folder / "result"
    argv = ("--input", raw, "--output", made, *flags[0], *where)
    first = engine.run(engine.PREPROC, folder / "w1", *argv)
    print(f"preproc_rawtiles.nf: exit code {first.code}, {len(first.done)} jobs")
    argv = ("--input", made, "--output", result, *flags[1], *where)
    with engine.launch(engine.RECONST, folder / "w2", *argv) as process:
        _cancel_one(process)
        said, _ = process.communicate(timeout=engine.LIMIT_S)
    n_jobs = len(engine.read_trace(folder / "w2" / "trace.txt"))
    print(f"soct_3d_reconst.nf: exit code {process.returncode}, {n_jobs} jobs")
    return first.said + said, result


def _cancel_one(process: subprocess.Popen[str]) -> None:
    """Cancel the first job of `VICTIM` that is at work, a second after it began."""
    while process.poll() is None:
        for line in _ask("squeue", "-h", "-t", "RUNNING", "-o", "%i %j %T").splitlines():
            job, name, _state = line.split(maxsplit=2)
            if name.startswith(VICTIM):
                time.sleep(1)
                print(f"before:  {line}")
                _ask("scancel", job)
                print(f"scancel {job}")
                return
        time.sleep(0.3)


def _judge(said: str, result: Path, local: Path) -> int:
    """Print what the scheduler knows of every job, and what the drivers made."""
    jobs = _jobs()
    print(f"{'job':>5} {'state':<10} {'exit':<6} {'seconds':<9} name")
    for job in jobs:
        print(
            f"{job['JobId']:>5} {job['JobState']:<10} {job['ExitCode']:<6} "
            f"{job['RunTime']:<9} {job['JobName']}"
        )
    cancelled = [job for job in jobs if job["JobState"] == "CANCELLED"]
    again = [j for c in cancelled for j in jobs if j["JobName"] == c["JobName"] and j is not c]
    final = "slice_config_final.csv"
    tests = {
        "one job was cancelled": len(cancelled) == 1,
        "its second attempt completed": [j["JobState"] for j in again] == ["COMPLETED"],
        "the engine says that it was submitted again": "Re-submitted process" in said,
        "same record": (result / final).exists()
        and (result / final).read_bytes() == (local / final).read_bytes(),
        "same voxels at every level": engine.hash_levels(result / engine.VOLUME)
        == engine.hash_levels(local / engine.VOLUME),
    }
    for what, is_true in tests.items():
        print(f"{'ok' if is_true else 'WRONG':<6} {what}")
    if not all(tests.values()):
        print(said)
    return 0 if all(tests.values()) else 1


def _jobs() -> list[Mapping[str, str]]:
    """Return every job that the scheduler remembers, as `scontrol show jobs` tells it."""
    lines = _ask("scontrol", "-o", "show", "jobs").splitlines()
    return [dict(part.split("=", 1) for part in line.split() if "=" in part) for line in lines]


if __name__ == "__main__":
    sys.exit(main())
