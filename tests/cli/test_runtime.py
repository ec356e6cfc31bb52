"""What every command has from the runtime: checks, exit codes, messages."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from linumpy.cli import machine, runtime
from linumpy.cli.command import Command, Fraction, Ids, Product, Source, SourceFlag
from linumpy.errors import BadValue, Defect, InputError, LinumpyError


@dataclass(frozen=True, kw_only=True)
class Params:
    """Copy a file."""

    source: Source
    """what is copied"""
    product: Product
    """where it goes"""
    table: SourceFlag = None
    """a table"""
    share: Fraction = 0.5
    """a share"""
    keep: Ids = ()
    """ids"""


def copy(p: Params, job: runtime.Job) -> None:
    text = p.source.read_text()
    if text == "defect":
        raise Defect("two and two is five")
    if text == "full":
        raise OSError(28, "No space left on device", "x.bin")
    p.product.write_text(text + str(job.workers))


COMMAND = Command(Params, copy)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in.txt").write_text("hello")
    return tmp_path


def run(*argv: str) -> int:
    with pytest.raises(SystemExit) as end:
        COMMAND.main(list(argv))
    return end.value.code


def test_a_good_command_line_runs_and_leaves_its_record(here):
    "The product is there, and beside it the exact command line."
    assert run("in.txt", "out.txt", "--workers", "3") == 0
    assert Path("out.txt").read_text() == "hello3"
    done = json.loads(Path("out.txt.done.json").read_text())
    assert done["command"].endswith("in.txt out.txt")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["gone.txt", "out.txt"], "gone.txt does not exist"),
        (["in.txt", "in.txt"], "same path"),
        (["in.txt", "out.txt", "--share", "2"], "--share 2.0"),
        (["in.txt", "out.txt", "--table", "gone.csv"], "table: gone.csv"),
    ],
)
def test_the_users_mistake_is_exit_2_with_a_message(here, capsys, argv, words):
    "No traceback, nothing written."
    assert run(*argv) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "hint:" in said
    assert "Traceback" not in said
    assert not Path("out.txt").exists()


def test_an_existing_output_stays_unless_overwrite_is_said(here, capsys):
    "-f and --overwrite are the same."
    Path("out.txt").write_text("precious")
    assert run("in.txt", "out.txt") == 2
    assert "--overwrite" in capsys.readouterr().err
    assert Path("out.txt").read_text() == "precious"
    assert run("in.txt", "out.txt", "-f") == 0
    assert Path("out.txt").read_text().startswith("hello")


def test_check_stops_before_any_work(here):
    "--check validates and writes nothing."
    assert run("in.txt", "out.txt", "--check") == 0
    assert not Path("out.txt").exists()
    assert run("gone.txt", "out.txt", "--check") == 2


def test_a_fault_of_ours_is_exit_1(here):
    "Only the user's mistakes are 2."
    Path("in.txt").write_text("defect")
    assert run("in.txt", "out.txt") == 1


def test_a_full_disk_is_told_without_a_traceback(here, capsys):
    "What the system refuses is the user's to mend."
    Path("in.txt").write_text("full")
    assert run("in.txt", "out.txt") == 2
    said = capsys.readouterr().err
    assert "No space left on device" in said
    assert "x.bin" in said


def test_both_spellings_of_a_flag_and_of_a_negation_work(here):
    "Hyphen or underscore."
    parsed = runtime.parse(COMMAND, ["in.txt", "out.txt", "--no-overwrite", "--max-memory", "1GB"])
    assert parsed[1].overwrite is False
    assert parsed[1].max_memory == "1GB"


def test_argv_parses_back(here):
    "The definition of 'command line and library agree'."
    params = Params(source=Path("in.txt"), product=Path("o"), keep=("1", "03-05"), share=0.25)
    assert COMMAND.parse(COMMAND.argv(params)) == params


@pytest.mark.parametrize(
    ("text", "size"), [("8GB", 8e9), ("500 mb", 5e8), ("1GiB", 2**30), ("1024", 1024)]
)
def test_a_memory_bound_is_read(text, size):
    "Decimal and binary units."
    assert machine.memory_bound(text) == size


@pytest.mark.parametrize("text", ["much", "-1GB", "0", "8 PB"])
def test_a_bad_memory_bound_is_refused(text):
    "It names what was given."
    with pytest.raises(BadValue, match=r"--max_memory .* is not a size"):
        machine.memory_bound(text)


def test_processors_come_from_affinity_and_cgroup():
    "At least one, never more than affinity allows."
    assert 1 <= machine.n_processors() <= 4096


def test_help_texts_are_found_under_the_fields():
    "Also in derived classes."

    @dataclass(frozen=True, kw_only=True)
    class Child(Params):
        """Child."""

        more: int = 1
        """more of it"""

    helps = runtime.field_help(Child)
    assert helps["share"] == "a share"
    assert helps["more"] == "more of it"
    assert set(helps) == {field.name for field in dataclasses.fields(Child)}


def test_errors_survive_the_way_back_from_a_worker():
    "Message and hint pickle."
    import pickle

    error = pickle.loads(pickle.dumps(BadValue("wrong", hint="mend it")))
    assert isinstance(error, BadValue)
    assert str(error) == "wrong; mend it"
    assert issubclass(InputError, LinumpyError)
