"""Whatever happens while a file is written, a reader finds the old content or the new one."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from linumpy.io import atomic, history, slice_config

OLD, NEW = b"old " * 5000, b"new " * 7000
# Every call through which `write_bytes` reaches the disk.
CALLS = (
    (os, "open"), (os, "fdopen"), (os, "fsync"), (os, "replace"), (os, "rename"), (os, "close"),
    (os, "chmod"), (os, "unlink"), (os, "mkdir"),
)  # fmt: skip


class Killed(BaseException):
    """Stands for SIGKILL: nothing after it may run, so cleaning up is switched off as well."""


class Stream:
    """A file whose write can fail half-way, as on a disk that fills up."""

    def __init__(self, stream, disk):
        self.stream, self.write = stream, disk.watched("write", stream.write, self.half)

    def half(self, content):
        self.stream.write(content[: len(content) // 2])

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stream.close()


class Disk:
    """Counts the calls that reach the disk and lets one of them fail."""

    def __init__(self, monkeypatch, fault, at=None, *, after=False):
        self.names, self.fault, self.at, self.after, self.is_dead = [], fault, at, after, False
        for module, name in CALLS:
            monkeypatch.setattr(module, name, self.watched(name, getattr(module, name)))

    def watched(self, name, call, before=lambda *_args, **_options: None):
        def shim(*args, **options):
            if self.is_dead:
                raise self.fault
            number = len(self.names)
            self.names.append(name)
            if number != self.at:
                done = call(*args, **options)
                return Stream(done, self) if name == "fdopen" else done
            self.is_dead = isinstance(self.fault, Killed)
            close((call if self.after else before)(*args, **options), name)
            raise self.fault

        return shim


def close(result, name, close_handle=os.close):
    """Close what a killed process would have had closed for it."""
    if name == "open" and result is not None:
        close_handle(result)
    elif name == "fdopen" and result is not None:
        result.close()


def calls_of(write, path, monkeypatch):
    """Return the names of the calls of an undisturbed write."""
    with monkeypatch.context() as patch:
        disk = Disk(patch, Killed())
        write(path)
    return disk.names


def interrupted(write, path, monkeypatch, fault, number, *, after=False):
    """Write with the call of that number failing; the fault is what comes out."""
    with monkeypatch.context() as patch:
        Disk(patch, fault, number, after=after)
        with pytest.raises(type(fault)):
            write(path)


def write_new(path):
    atomic.write_bytes(path, NEW)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("is_there", [True, False], ids=["over a file", "fresh"])
def test_killed_at_every_call(tmp_path, monkeypatch, is_there, after):
    "Old or new, whole; what is left over has a name that no reader takes."
    path = tmp_path / "r.csv"
    names = calls_of(write_new, path, monkeypatch)
    assert {"open", "write", "fsync", "close"} <= set(names)
    assert {"replace", "rename"} & set(names)
    for number in range(len(names)):
        path.unlink(missing_ok=True)
        if is_there:
            path.write_bytes(OLD)
        interrupted(write_new, path, monkeypatch, Killed(), number, after=after)
        found = path.read_bytes() if path.exists() else None
        assert found in ((OLD, NEW) if is_there else (None, NEW))
        for other in set(tmp_path.iterdir()) - {path}:
            assert other.name.startswith(".")
            assert other.name.endswith(atomic.PARTIAL)
            other.unlink()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EACCES])
def test_a_disk_that_refuses(tmp_path, monkeypatch, number):
    "The error comes out, the old file stands (or the new one, once renamed), nothing is left over."
    path = tmp_path / "r.csv"
    path.write_bytes(OLD)
    names = calls_of(write_new, path, monkeypatch)
    for i, name in enumerate(names):
        path.write_bytes(OLD)
        fault = OSError(number, os.strerror(number))
        if name == "mkdir":
            continue  # pathlib asks whether the folder is there already
        interrupted(write_new, path, monkeypatch, fault, i)
        assert path.read_bytes() in (OLD, NEW)
        assert [one.name for one in tmp_path.iterdir()] == ["r.csv"]


def test_a_record_is_old_or_new_at_every_call(tmp_path, monkeypatch):
    "The history is written first; the record that a reader finds is complete at any moment."
    path = tmp_path / "slice_config.csv"
    before = {slice_config.SliceId(key): slice_config.new_row(key, use=True) for key in range(3)}
    after = slice_config.stamp(before, 1, {"use": False})
    source = tmp_path / "in.csv"
    history.write_record(source, before, before=None, author=history.Person())

    def write(out):
        history.write_record(out, after, before=source, author=history.Person())

    names = calls_of(write, path, monkeypatch)
    assert names.count("fsync") == 4
    for number in range(len(names)):
        slice_config.write(path, before)
        interrupted(write, path, monkeypatch, Killed(), number)
        assert slice_config.read(path) in (before, after)
        write(path)
        assert slice_config.read(path) == after
        assert len(history.read(path)) == len(history.read(source)) + 1


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path):
    "Staged inputs of a workflow are links."
    target, path = tmp_path / "target.csv", tmp_path / "r.csv"
    target.write_bytes(OLD)
    path.symlink_to(target)
    atomic.write_bytes(path, NEW)
    assert not path.is_symlink()
    assert path.read_bytes() == NEW
    assert target.read_bytes() == OLD


def test_permissions_are_kept_and_a_new_file_gets_the_usual_ones(tmp_path):
    "A temporary file is private; the product must not be."
    path = tmp_path / "new" / "r.csv"
    old_mask = os.umask(0o022)
    try:
        atomic.write_bytes(path, NEW)
    finally:
        os.umask(old_mask)
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o600)
    atomic.write_bytes(path, OLD)
    assert path.stat().st_mode & 0o777 == 0o600


def test_json_without_nan(tmp_path):
    "JSON has no NaN; what stood there stands."
    path = tmp_path / "a.json"
    atomic.write_json(path, {"é": [1, None]})
    assert path.read_text() == '{\n "é": [\n  1,\n  null\n ]\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        atomic.write_json(path, float("nan"))
    assert path.read_text().startswith('{\n "é"')


def fill(folder: Path, text: str):
    folder.mkdir()
    (folder / "part").write_text(text)


def test_a_folder_appears_whole(tmp_path):
    "Over nothing, over a folder, over a file, over a link."
    path = tmp_path / "deep" / "volume.zarr"
    for text in ("first", "second"):
        with atomic.replacing(path) as partial:
            assert partial.parent == path.parent
            fill(partial, text)
        assert (path / "part").read_text() == text
    target = path.rename(tmp_path / "target")
    path.symlink_to(target)
    with atomic.replacing(path) as partial:
        fill(partial, "third")
    assert (target / "part").read_text() == "second"
    assert (path / "part").read_text() == "third"
    with atomic.replacing(path) as partial:
        partial.write_text("a file now")
    with atomic.replacing(path) as partial:
        partial.write_text("another file")
    assert path.read_text() == "another file"
    assert [one.name for one in path.parent.iterdir()] == ["volume.zarr"]


def test_a_folder_that_fails_leaves_the_old_one(tmp_path):
    "And nothing of the new one."
    path = tmp_path / "volume.zarr"
    fill(path, "old")

    def fail():
        with atomic.replacing(path) as partial:
            fill(partial, "new")
            raise RuntimeError("gate")

    with pytest.raises(RuntimeError, match="gate"):
        fail()
    assert (path / "part").read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["volume.zarr"]


def test_removing_what_is_not_there(tmp_path):
    "Is no error."
    atomic.remove(tmp_path / "nothing")


@pytest.mark.parametrize("call", [(os, "rename"), (os, "fsync"), (shutil, "rmtree"), None])
def test_a_discarded_folder_is_whole_or_gone(tmp_path, monkeypatch, call):
    "Killed before it steps aside, while that is synced, while it is removed; or not at all."
    path = tmp_path / "volume.zarr"
    fill(path, "old")
    if call is None:
        atomic.discard(path)
        assert list(tmp_path.iterdir()) == []
        return
    with monkeypatch.context() as patch:
        patch.setattr(*call, raise_killed)
        with pytest.raises(Killed):
            atomic.discard(path)
    assert path.exists() == (call == (os, "rename"))
    (left,) = tmp_path.iterdir()
    assert (left / "part").read_text() == "old"
    assert left == path or (left.name.startswith(".") and left.name.endswith(atomic.PARTIAL))


def raise_killed(*_args, **_options):
    raise Killed
