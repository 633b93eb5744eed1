"""How fast the workflow is: `make benchmark` writes benchmarks/summary.md. Conversations are synthetic, of the shape of WildChat-1M."""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
from corpus import N_SHARDS, build

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS), str(TESTS.parent / "scripts")]
from conftest import ROOT, copy_project  # noqa: E402

N_OBVIOUS = 4_000  # conversations for the obvious pipeline
CORES = 2


def run_workflow(folder: Path, shards: list[Path]) -> float:
    """Seconds of wall clock from raw shards to the report, in a fresh copy of the project under `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    copy_project(folder)
    config = {
        "run": "benchmark",
        "datasets": ["benchmark"],
        "sources": {
            "benchmark": {
                "title": "Benchmark corpus (synthetic)",
                "kind": "local",
                "files": list(map(str, shards)),
                "synthetic": True,
                "available": ["user", "time", "country", "model", "moderation"],
            }
        },
    }
    (folder / "benchmark.json").write_text(json.dumps(config), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        str(CORES),
        "--quiet",
        "all",
        "--configfile=benchmark.json",
    ]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        sys.exit(f"The workflow failed in {folder}:\n{done.stdout[-3000:]}")
    return time.perf_counter() - start


def rule_figures(folder: Path, n: int) -> pl.DataFrame:
    """rule, n_jobs, seconds (of all its jobs), conversations_per_second, peak_mb (of its largest job), from the rules' own benchmarks."""
    rows = []
    for path in sorted((folder / "benchmarks").rglob("*.jsonl")):
        if "control" in path.parts:
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            rows.append({"rule": path.relative_to(folder / "benchmarks").parts[0].removesuffix(".jsonl"), **entry})
    table = pl.DataFrame(rows, infer_schema_length=None)
    return (
        table.group_by("rule")
        .agg(
            n_jobs=pl.len(),
            seconds=pl.col("s").cast(pl.Float64).sum(),
            peak_mb=pl.col("max_rss").cast(pl.Float64, strict=False).max(),
        )
        .with_columns(conversations_per_second=n / pl.col("seconds"))
        .sort("seconds", descending=True)
    )


def scan_seconds(shards: list[Path]) -> float:
    """Seconds for Polars to read every message of the shards and count its characters, with as many threads as there are cores."""
    program = (
        "import polars as pl, sys; pl.scan_parquet(sys.argv[1:]).select(pl.col('conversation').list.eval("
        "pl.element().struct.field('content').str.len_chars()).list.sum().sum()).collect(engine='streaming')"
    )
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", program, *map(str, shards)],
        check=True,
        env={**os.environ, "POLARS_MAX_THREADS": str(CORES)},
    )
    return time.perf_counter() - start


def obvious_rate(folder: Path, shards: list[Path], n: int) -> tuple[int, float]:
    """Conversations, and conversations per second, of the obvious pipeline on a sample."""
    path = folder / "obvious.jsonl"
    every = max(1, n // N_OBVIOUS)
    sample = pl.concat(pl.scan_parquet(shard).select("conversation").gather_every(every) for shard in shards)
    with open(path, "w", encoding="utf-8") as file:
        for conversation in sample.collect()["conversation"]:
            messages = [{"role": message["role"], "content": message["content"]} for message in conversation]
            file.write(json.dumps({"conversation": messages}) + "\n")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("obvious.py")), str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    count, seconds = done.stdout.split()
    return int(count), int(count) / float(seconds)


def summary(results: list[dict], n_obvious: int, obvious: float) -> str:
    """The figures as Markdown; `results` has n, seconds, scan, rules of each size, smallest first."""
    small, large = results[0], results[-1]
    lines = [
        "# Benchmark",
        "",
        f"Synthetic conversations of the shape of WildChat-1M in {N_SHARDS} shards, from raw files to the report, on {CORES} cores of "
        f"{platform.machine()}, Python {platform.python_version()}, Polars {pl.__version__}.",
        "",
        "| conversations | wall clock, s | conversations/s | largest job, MB | s per 1,000 | bare Polars scan, s | scan / workflow |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for result in results:
        n, seconds = result["n"], result["seconds"]
        lines.append(
            f"| {n:,} | {seconds:.0f} | {n / seconds:,.0f} | {result['rules']['peak_mb'].max():,.0f} | {1000 * seconds / n:.2f} "
            f"| {result['scan']:.1f} | {result['scan'] / seconds:.1%} |"
        )
    rate = large["n"] / large["seconds"]
    lines += [
        "",
        f"- Obvious pipeline (pandas, spaCy tokens, VADER over every human message, one process; {n_obvious:,} of the same conversations): "
        f"{obvious:,.0f} conversations/s. The workflow is {rate / obvious:.1f} times as fast.",
    ]
    if small is not large:
        ratio = (large["seconds"] / large["n"]) / (small["seconds"] / small["n"])
        lines.append(f"- Cost per conversation at {large['n']:,} is {ratio:.2f} times that at {small['n']:,}.")
    for result in reversed(results):
        lines += [
            "",
            f"## Rules, {result['n']:,} conversations",
            "",
            "| rule | jobs | seconds | share | conversations/s and job | peak, MB |",
            "|:---|---:|---:|---:|---:|---:|",
        ]
        total = result["rules"]["seconds"].sum()
        for row in result["rules"].iter_rows(named=True):
            lines.append(
                f"| {row['rule']} | {row['n_jobs']} | {row['seconds']:.1f} | {row['seconds'] / total:.0%} "
                f"| {row['conversations_per_second']:,.0f} | {row['peak_mb'] or 0:,.0f} |"
            )
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 conversations instead of 100,000 and 1,000,000")
    parser.add_argument("--sizes", type=int, nargs="+", help="other numbers of conversations")
    arguments = parser.parse_args()
    folder = ROOT / "benchmarks" / "work"
    results = []
    for n in sorted(arguments.sizes or ([20_000] if arguments.quick else [100_000, 1_000_000])):
        shards = build(folder / f"corpus-{n}", n)
        print(f"{n:,} conversations are built; running the workflow", flush=True)
        seconds = run_workflow(folder / "project", shards)
        results.append(
            {"n": n, "seconds": seconds, "scan": scan_seconds(shards), "rules": rule_figures(folder / "project", n)}
        )
        print(f"{seconds:.0f} s", flush=True)
    n_obvious, obvious = obvious_rate(folder, shards, n)
    path = ROOT / "benchmarks" / "summary.md"
    path.write_text(summary(results, n_obvious, obvious), encoding="utf-8")
    print(f"Written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
