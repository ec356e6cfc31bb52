"""docs/volume.md: its lines of Python read the volume of a run."""

import re
from pathlib import Path

import pytest

import linumpy

PAGE = Path(linumpy.__file__).parents[1] / "docs" / "volume.md"
pytestmark = pytest.mark.story


def test_the_lines_read_the_volume(whole_run, capsys):
    text = PAGE.read_text("utf-8")
    code, further = re.findall(r"^```python[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 5
    names = {}
    exec(compile(code.replace("OUT/", f"{whole_run}/"), PAGE.name, "exec"), names)
    assert names["block"].any()
    assert str(names["volume"].spacing.zyx_um) in capsys.readouterr().out
    exec(further, names)
    assert capsys.readouterr().out.startswith("linum_reconstruct.py ")
