"""The control corpus through a real Slurm of one node, started here and without accounting."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, copy_project, snakemake

DAEMONS = {name: shutil.which(name) for name in ("munged", "slurmctld", "slurmd")}
needs_slurm = pytest.mark.skipif(
    os.geteuid() != 0 or None in DAEMONS.values(),
    reason="needs root, and munged, slurmctld and slurmd on the PATH; .ci/run installs them",
)
# Two CPUs and ample memory are declared, not measured (config_overrides): the test is of the workflow, on any machine.
SLURM_CONF = """
ClusterName=test
SlurmctldHost=localhost
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
NodeName=localhost CPUs=2 RealMemory=64000
PartitionName=main Nodes=ALL Default=YES
"""


def free_ports() -> list[int]:
    """Two ports that nobody listens on."""
    with socket.socket() as one, socket.socket() as other:
        for found in (one, other):
            found.bind(("127.0.0.1", 0))
        return [found.getsockname()[1] for found in (one, other)]


def output(*command: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.stdout.strip()


def wait_until(happened, folder: Path, seconds: int = 60):
    """Return when happened() holds; fail with what the daemons wrote."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            logs = "\n".join(f"{path.name}:\n{path.read_text()[-3000:]}" for path in sorted(folder.glob("*.log")))
            pytest.fail(f"Slurm was not ready after {seconds} s.\n{logs}")
        time.sleep(0.2)


def stop(process: subprocess.Popen):
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def slurm():
    """A Slurm that every command finds; it goes with its jobs and files when the tests of this module are done."""
    with ExitStack() as stack:
        # Not tmp_path: munged wants a folder that others may enter, and a socket's path must be short.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True)))
        folder.chmod(0o755)
        for name in ("bin", "spool", "state"):
            (folder / name).mkdir()
        (folder / "munge.key").touch(mode=0o600)
        (folder / "munge.key").write_bytes(os.urandom(128))
        conf, srun = folder / "slurm.conf", folder / "bin" / "srun"
        conf.write_text(SLURM_CONF.format(folder=folder, ports=free_ports()), encoding="utf-8")
        # Inside a job the plugin drops SLURM_CONF. A cluster has its file in /etc/slurm, which no test may touch.
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {shutil.which("srun")} "$@"\n', encoding="utf-8")
        srun.chmod(0o755)
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("SLURM_CONF", str(conf))
        environment.setenv("PATH", f"{srun.parent}:{os.environ['PATH']}")

        def start(name: str, *arguments: str):
            log = stack.enter_context(open(folder / f"{name}.log", "w", encoding="utf-8"))
            process = subprocess.Popen([DAEMONS[name], *arguments], stdout=log, stderr=subprocess.STDOUT, cwd=folder)
            stack.callback(stop, process)

        files = {"socket": "munge.socket", "key-file": "munge.key", "seed-file": "munge.seed", "pid-file": "munged.pid"}
        start("munged", "--foreground", *(f"--{option}={folder}/{name}" for option, name in files.items()))
        wait_until((folder / "munge.socket").exists, folder)
        start("slurmctld", "-D")
        start("slurmd", "-D")
        wait_until(lambda: output("sinfo", "--noheader", "--format=%T") == "idle", folder)
        # Jobs outlive the daemon that started them: none may be left when the daemons are stopped.
        stack.callback(wait_until, lambda: output("squeue", "--noheader") == "", folder)
        stack.callback(output, "scancel", "--partition=main")
        yield


@pytest.fixture(scope="module")
def cluster_run(slurm, demo, tmp_path_factory) -> Path:
    """A copy of the project in which Slurm has made every table of the control corpus from the raw file."""
    folder = copy_project(tmp_path_factory.mktemp("slurm"))
    done = on_slurm(*tables(demo), cwd=folder)
    assert done.returncode == 0, done.stdout
    assert "has been submitted with SLURM jobid" in done.stdout
    return folder


def on_slurm(*arguments: str, cwd: Path) -> subprocess.CompletedProcess:
    profile = ("--configfile=config/demo.yaml", "--workflow-profile=profiles/slurm")
    return snakemake(*profile, *arguments, cwd=cwd, timeout=1200)


def tables(folder: Path) -> dict[str, bytes]:
    run = folder / "results" / "demo"
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in [run / "claims.csv", *run.glob("tables/*.csv")]
    }


def test_slurm_runs_differ_from_local_ones_in_the_executor_only():
    default, slurm = (
        yaml.safe_load((ROOT / "profiles" / name / "profile.yaml").read_text(encoding="utf-8"))
        for name in ("default", "slurm")
    )
    del default["cores"]
    assert default.items() <= slurm.items()


@needs_slurm
def test_slurm_gives_the_bytes_of_the_local_run(demo, cluster_run):
    assert len(tables(demo)) > 5
    assert tables(cluster_run) == tables(demo)


@needs_slurm
def test_a_job_that_fails_on_slurm_is_reported_with_its_logs(cluster_run):
    (cluster_run / "weights.csv").write_text("nonsense\n", encoding="utf-8")
    (cluster_run / "weights_held_out.csv").write_text("nonsense\n", encoding="utf-8")
    affect = "data/interim/control/affect/00000.parquet"
    done = on_slurm("--config=classify={model: weights.csv}", affect, cwd=cluster_run)
    assert done.returncode != 0
    assert "SLURM status is: 'FAILED'" in done.stdout
    assert "Logfile logs/classify_shard/control/00000.log:" in done.stdout
    assert ".snakemake/slurm_logs/rule_classify_shard/control_00000/" in done.stdout
