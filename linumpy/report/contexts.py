"""What each section of the page shows, as values: the templates see these and nothing else.

The same values are written to ``quality_report.json``, pictures by name only.
"""

from dataclasses import dataclass, field

from linumpy.core.fate import Fate
from linumpy.report.style import Picture


@dataclass(frozen=True, slots=True)
class Fact:
    """One labelled number of the headline."""

    label: str
    """what it is"""
    value: str
    """the number, with its unit"""
    note: str = ""
    """a word of explanation, small"""


@dataclass(frozen=True, slots=True)
class Mark:
    """One slice in the strip at the top."""

    slice_id: str
    """its id"""
    fate: Fate
    """what became of it"""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many slices met one fate."""

    fate: Fate
    """measured, interpolated, excluded, gap or failed"""
    count: int
    """how many"""
    meaning: str
    """the fate in a few words"""


@dataclass(frozen=True, slots=True)
class Headline:
    """The run in one screen."""

    verdict: str
    """one sentence: is there something to do?"""
    level: str
    """ok, look or bad: the colour of the verdict"""
    facts: tuple[Fact, ...]
    """size, voxel, slices, warnings"""
    strip: tuple[Mark, ...]
    """every slice in cutting order"""
    tally: tuple[Tally, ...]
    """fates and their counts"""
    balance: str
    """the sum of the fates beside what was seen"""
    adds_up: bool
    """whether the two sides of the sum are equal"""


@dataclass(frozen=True, slots=True)
class Warn:
    """One thing that the user should know."""

    level: str
    """bad: something is lost or wrong; look: worth a look"""
    what: str
    """what was found"""
    why: str
    """where it comes from or what it means"""
    do: str
    """what to do"""


@dataclass(frozen=True, slots=True)
class Warnings:
    """All warnings, the grave ones first."""

    items: tuple[Warn, ...]
    """empty when there is nothing to say"""


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag of a slice, shown by colour and by word."""

    word: str
    """what it says"""
    level: str
    """ok, info, look or bad: its colour"""


@dataclass(frozen=True, slots=True)
class SliceRow:
    """One slice: its row of the record, in words."""

    slice_id: str
    """its id"""
    fate: Fate
    """what became of it"""
    quality: float | None
    """score from 0 to 1; None where it was not assessed"""
    quality_text: str
    """the score as printed"""
    flags: tuple[Flag, ...]
    """galvo, re-homing, exclusion, interpolation"""
    reason: str
    """why the slice is not measured, in words"""
    notes: str
    """notes of the record, as they stand there"""
    last_change: str
    """who changed its row last"""
    history: tuple[str, ...]
    """every change of its row, oldest first"""
    thumbnail: Picture | None
    """the slice itself"""


@dataclass(frozen=True, slots=True)
class Slices:
    """What happened to each slice."""

    source: str
    """the record that was read"""
    rows: tuple[SliceRow, ...]
    """in cutting order"""


@dataclass(frozen=True, slots=True)
class Column:
    """Heading of a table column."""

    title: str
    """with its unit"""
    is_number: bool = True
    """numbers are aligned right"""


@dataclass(frozen=True, slots=True)
class Table:
    """Plain numbers under a plot."""

    title: str
    """what it lists"""
    columns: tuple[Column, ...]
    """headings"""
    rows: tuple[tuple[str, ...], ...]
    """cells as text"""
    is_open: bool = False
    """whether it is unfolded when the page opens"""


@dataclass(frozen=True, slots=True)
class Charts:
    """Plots with a few sentences and their numbers."""

    pictures: tuple[Picture, ...]
    """from top to bottom"""
    findings: tuple[str, ...] = ()
    """what they show, in sentences"""
    tables: tuple[Table, ...] = ()
    """the numbers behind them"""


@dataclass(frozen=True, slots=True)
class Gap:
    """One attempt to fill the slot of a missing slice."""

    slice_id: str
    """the slice whose slot it is"""
    is_filled: bool
    """filled from its neighbours, or left empty"""
    method: str
    """how it was filled"""
    reason: str
    """why it was refused"""
    numbers: str
    """agreement of the neighbours before and after registration"""
    preview: Picture | None
    """the preview that the stage left"""


@dataclass(frozen=True, slots=True)
class Gaps:
    """Interpolation."""

    items: tuple[Gap, ...]
    """in cutting order"""


@dataclass(frozen=True, slots=True)
class StageCost:
    """Time and memory of one stage."""

    stage: str
    """its name"""
    tasks: int
    """how many tasks it had"""
    status: str
    """done, or how many were kept from an earlier run or failed"""
    seconds: float
    """all tasks together"""
    time: str
    """the same as text"""
    share: float
    """part of the longest stage, 0 to 1"""
    peak: str
    """largest task"""
    written: str
    """all tasks together"""


@dataclass(frozen=True, slots=True)
class Costs:
    """Parameters, versions, time and memory."""

    command: str
    """as typed"""
    stages: tuple[StageCost, ...]
    """in the order in which they ran"""
    total: StageCost | None
    """all of them"""
    versions: tuple[tuple[str, str], ...]
    """software"""
    parameters: tuple[tuple[str, str], ...]
    """name and value"""
    inputs: tuple[tuple[str, str], ...]
    """what was read"""


@dataclass(frozen=True, slots=True)
class Step:
    """The metrics files of one stage, together."""

    name: str
    """step_name of the files"""
    counts: str
    """how many files were ok, had a warning, had an error"""
    level: str
    """ok, look or bad"""
    table: Table
    """mean, spread and extremes of each number"""
    issues: tuple[str, ...] = field(default=())
    """warnings and errors of the files"""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Every number that the stages left."""

    steps: tuple[Step, ...]
    """in the order of the pipeline"""


@dataclass(frozen=True, slots=True)
class Methods:
    """The methods paragraph of a publication."""

    paragraphs: tuple[str, ...]
    """acquisition, processing, alignment, slices; references by number, [1]"""
    references: tuple[str, ...]
    """in the order of their numbers"""


@dataclass(frozen=True, slots=True)
class Nothing:
    """A section that has nothing to show, and why."""

    why: str
    """which files would have told it"""


Context = Headline | Warnings | Slices | Charts | Gaps | Costs | Metrics | Methods | Nothing
