"""`make mutation`: change the code of the record in every small way; the tests must notice.

mutmut mutates a copy of the checkout, configured by ``[tool.mutmut]`` in pyproject.toml. Each
survivor must have its reason in checks/survivors.py and docs/record-tests.md; others are printed.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from survivors import missing_on_the_page, reason

ROOT = Path(__file__).parents[1]
NEEDED = (
    "pyproject.toml",
    "docs",
    "linumpy",
    "tests/__init__.py",
    "tests/strategies.py",
    "tests/io",
)
N_EXAMPLES = "5"  # of each law: examples are fixed by hand where a mutant needs one
LIMIT = 0.90  # of the mutants are killed, at least


def main() -> int:
    """Print the survivors by reason and the share that was killed; 1 below the limit."""
    folder = Path(tempfile.mkdtemp(prefix="mutation-"))
    try:
        copy_to(folder)
        started = time.monotonic()
        mutmut(folder, "run", "--max-children", str(os.cpu_count() or 1), *sys.argv[1:])
        verdicts = read_verdicts(folder)
        alive = sorted(name for name, verdict in verdicts.items() if verdict == "survived")
        unexplained = explain([difference(folder, name) for name in alive])
        n_killed = sum(verdict in ("killed", "timeout") for verdict in verdicts.values())
        share = n_killed / max(len(verdicts), 1)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"{len(verdicts)} mutants, {n_killed} killed ({share:.1%}, limit {LIMIT:.0%}), "
            f"{len(alive)} survived, {(time.monotonic() - started) / 60:.0f} min by the clock, "
            f"{(used.ru_utime + used.ru_stime) / 60:.0f} min of one processor"
        )
        return int(share < LIMIT or bool(unexplained))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def explain(differences: list[str]) -> list[str]:
    """Print how many survivors each reason has, and what has none; return the latter."""
    counts = Counter(map(reason, differences))
    for why, n in counts.most_common():
        print(f"{n:5d}  {why or 'NO REASON'}")
    unexplained = [one for one in differences if not reason(one)]
    unexplained += [f"docs/record-tests.md lacks: {why}" for why in missing_on_the_page()]
    print("\n".join(unexplained))
    return unexplained


def copy_to(folder: Path) -> None:
    """Copy what the tests of the record need; the checkout itself is never mutated."""
    for name in NEEDED:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def mutmut(folder: Path, *words: str) -> str:
    """Run mutmut in the copy and return what it printed."""
    environment = os.environ | {"LINUMPY_EXAMPLES": N_EXAMPLES, "PYTHONPATH": str(folder)}
    command = [str(Path(sys.executable).with_name("mutmut")), *words]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stdout[-3000:] + done.stderr[-3000:])
    return done.stdout


def read_verdicts(folder: Path) -> dict[str, str]:
    """Return mutant → killed, survived, timeout, no tests."""
    lines = mutmut(folder, "results", "--all", "true").splitlines()
    pairs = (line.strip().rpartition(": ") for line in lines if ": " in line)
    return {name: verdict for name, _, verdict in pairs}


def difference(folder: Path, name: str) -> str:
    """Return the changed lines of a mutant under its name."""
    shown = mutmut(folder, "show", name).splitlines()
    changed = [line for line in shown if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    return "\n".join([name, *changed])


if __name__ == "__main__":
    sys.exit(main())
