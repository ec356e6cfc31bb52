"""The law of one writer: what the project writes appears whole, since `io.atomic` writes it."""

import ast
from pathlib import Path

import linumpy

ROOT = Path(linumpy.__file__).parent
WRITES = {
    "write_text", "write_bytes", "save", "savez", "savez_compressed", "savetxt", "savefig",
    "tofile", "to_csv", "dump", "imwrite", "imsave", "TiffWriter", "ZipFile", "FileHandler",
    "NamedTemporaryFile", "mkstemp", "copy2", "copyfile", "copytree", "move", "rename",
    "symlink_to", "open_memmap", "to_filename", "write_html",
}  # fmt: skip
IN_MEMORY = "into a BytesIO, which io.atomic then writes"
PARTIAL = "into what io.atomic.replacing gives, which is moved when it is whole"
PEAK = "into /proc: the system counts the peak of memory anew"
MAY = {
    "io/atomic.py": ({"open", "rename", "write_text", "write_bytes"}, "the one writer"),
    "io/tiles.py": ({"open", "tofile"}, PARTIAL),
    "io/export.py": ({"TiffWriter", "open"}, PARTIAL),
    "scripts/process_slice_products.py": ({"save", "imsave"}, f"{PARTIAL}, or {IN_MEMORY}"),
    "scripts/process_slice_placement.py": ({"imsave"}, IN_MEMORY),
    "scripts/linum_simulate_acquisition.py": ({"save"}, PARTIAL),
    "scripts/linum_estimate_global_transform.py": ({"save"}, IN_MEMORY),
    "scripts/rehoming_steps.py": ({"savefig"}, IN_MEMORY),
    "report/preview.py": ({"savefig"}, IN_MEMORY),
    "report/page.py": ({"ZipFile"}, IN_MEMORY),
    "report/panels.py": ({"savefig"}, IN_MEMORY),
    "report/style.py": ({"savefig", "imsave"}, IN_MEMORY),
    "report/atlas_preview.py": ({"savefig"}, IN_MEMORY),
    "pipeline/local.py": ({"open", "FileHandler"}, "the lock and the log of a run, line by line"),
    "pipeline/brain_run.py": ({"open"}, "what an engine says, line by line"),
    "pipeline/worker.py": ({"write_text"}, PEAK),
}


def writing_calls(path):
    """Names of the calls in a module that may write a file, those of `io.atomic` left aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    ours = {"atomic"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "linumpy.io.atomic":
            ours |= {alias.name for alias in node.names}
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {name for call in calls if (name := written_by(call, ours))}


def written_by(call, ours):
    if isinstance(call.func, ast.Name):
        name, owner = call.func.id, call.func.id
    elif isinstance(call.func, ast.Attribute):
        name, owner = call.func.attr, getattr(call.func.value, "id", "")
    else:
        return ""
    if owner in ours:
        return ""
    return name if name in WRITES or (name == "open" and may_write(call, owner)) else ""


def may_write(call, owner):
    """Say whether an open is not plainly for reading."""
    modes = [one.value for one in call.keywords if one.arg == "mode"]
    modes += call.args[1:2] if owner in ("open", "io", "gzip") else call.args[:1]
    texts = [one.value for one in modes if isinstance(one, ast.Constant)]
    return owner == "os" or any(set(str(text)) & set("wax+") for text in texts)


def test_nothing_else_writes_files():
    "Each other module that calls something that writes stands in the table, with its reason."
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        if calls := writing_calls(path):
            found[path.relative_to(ROOT).as_posix()] = calls
    new = {path: calls - MAY.get(path, (set(), ""))[0] for path, calls in found.items()}
    assert {path: sorted(calls) for path, calls in new.items() if calls} == {}


def test_the_law_sees_what_it_forbids(tmp_path):
    "Each way to write a file is met; reading is not."
    path = tmp_path / "m.py"
    for line in (
        'open(p, "w")', 'p.open("ab")', 'open(p, mode="x")', "os.open(p, 1)", "p.write_text(t)",
        "np.save(p, a)", "json.dump(v, f)", "frame.to_csv(p)", "logging.FileHandler(p)",
    ):  # fmt: skip
        path.write_text(line)
        assert writing_calls(path), line
    for line in (
        "open(p)", 'p.open("rb")', "p.read_text()", "atomic.write_text(p, t)", "json.dumps(v)",
        "from linumpy.io.atomic import write_json\nwrite_json(p, v)",
    ):  # fmt: skip
        path.write_text(line)
        assert not writing_calls(path), line
