"""What the runs say at the end: which engine ran, how many tasks it executed."""

import re
import subprocess

from tests.workflows import engine


def pytest_report_header():
    "The version, when there is an engine."
    if not engine.ENGINE:
        return "engine: none"
    said = subprocess.run([engine.ENGINE, "-version"], capture_output=True, text=True, check=False)
    return "engine: Nextflow " + " ".join(re.findall(r"version (.*)", said.stdout))


def pytest_terminal_summary(terminalreporter):
    "Tasks executed by preproc and by the reconstruction of each row."
    passed = terminalreporter.stats.get("passed", ())
    rows = [value for one in passed for name, value in one.user_properties if name == "tasks"]
    if rows:
        terminalreporter.section("tasks executed by the engine: preproc + reconstruction")
        terminalreporter.write_line("\n".join(rows))
