"""`make fuzz`: draw 100 000 examples of each law of the record, and say how many were drawn.

The laws are those of tests/io/test_slice_config_laws.py, a stateful model of the record, and files
drawn as bytes, of which each oddity and each fault must be met 100 times. New examples every time;
what fails is printed as small as hypothesis can make it. Files lie in memory where the system can.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILES = [f"tests/io/test_slice_config_{name}.py" for name in ("laws", "state", "bytes")]
MEMORY = Path("/dev/shm")
STATISTICS = re.compile(r"^(tests/\S+?)(?: \(.*\))?:$|- (\d+) passing", re.MULTILINE)


def main() -> int:
    """Run the laws, print the examples of each; 1 when one fails or has too few."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    started = time.monotonic()
    code, output = run(given.examples, given.processes)
    counts = met(output)
    examples = count(output) | {f"{FILES[-1]}::files": counts.pop("files", 0)}
    print(output[-3000:] if code else "how often each oddity and each fault of a file was met")
    for what, n in counts.items():
        print(f"{n:8d}  {what}")
    print("examples of each law")
    for law, n in sorted(examples.items()):
        print(f"{n:8d}  {law.partition('::')[2].removesuffix('::runTest')}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    few = [law for law, n in examples.items() if n < given.examples]
    print(
        f"{len(examples)} laws, {len(examples) - len(few)} with {given.examples} examples or more, "
        f"{(time.monotonic() - started) / 60:.0f} min by the clock, "
        f"{(used.ru_utime + used.ru_stime) / 60:.0f} min of one processor"
    )
    return int(code != 0 or bool(few))


def run(n_examples: int, n_processes: int) -> tuple[int, str]:
    """Run pytest over the laws; return its exit code and what it printed."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(n_processes)]
    command += ["--maxschedchunk=1", "--hypothesis-show-statistics", "-p", "no:cacheprovider"]
    place = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=place) as folder:
        environment = os.environ | {"LINUMPY_EXAMPLES": str(n_examples), "TMPDIR": folder}
        done = subprocess.run(
            [*command, *FILES], env=environment, capture_output=True, text=True, check=False
        )
    return done.returncode, done.stdout + done.stderr


def count(output: str) -> dict[str, int]:
    """Return law → examples that passed, from the statistics of hypothesis."""
    found: dict[str, int] = {}
    law = ""
    for name, passing in STATISTICS.findall(output):
        law = name or law
        found[law] = found.get(law, 0) + int(passing or 0)
    return found


def met(output: str) -> dict[str, int]:
    """Return oddity or fault → files that had it, in the order of the law's own list."""
    found = re.search(r"^-+ \w+: met -+\n((?: +\d+  .*\n)*)", output, re.MULTILINE)
    lines = found[1].splitlines() if found else []
    pairs = (line.strip().split("  ", 1) for line in lines)
    return {what: int(n) for n, what in pairs}


if __name__ == "__main__":
    sys.exit(main())
