"""The page about the simulator is held to the code."""

import re
from pathlib import Path

from linumpy.synth import PRESETS

PAGE = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")


def test_python_example_runs():
    "The example of docs/simulator.md runs as it stands."
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "docs/simulator.md", "exec"), {})


def test_presets_are_named():
    "Every preset stands on the page; the sweep as a range."
    for name in PRESETS:
        assert f"`{name}`" in PAGE or name.startswith("sweep-")
