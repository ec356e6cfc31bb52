"""Every error and warning that linumpy raises on purpose.

::

    LinumpyError
    ├── InputError                 the user's data or command; exit code 2
    │   ├── MissingFile            also FileNotFoundError
    │   ├── OutputExists           also FileExistsError
    │   ├── BadFile                also ValueError: a file was read and cannot be right
    │   ├── BadValue               also ValueError: a parameter or a cell is not allowed
    │   ├── EmptySelection         also ValueError: no slice is left
    │   ├── BrokenChain            also ValueError: two consecutive slices have no shift
    │   ├── UnknownSlice           also KeyError: an id that is not in the record
    │   ├── NoSpace                also OSError: the disk cannot hold what would be written
    │   └── MissingExtra           also ImportError: an optional dependency is not installed
    ├── OutOfMemory                also MemoryError: the machine gave up; exit code 1
    ├── SliceFailed                a slice failed in a run that went on; exit code 1
    └── Defect                     a fault of ours; exit code 1, traceback kept

    LinumpyWarning (UserWarning)
    ├── MissingShift               a slice has no shift; it is placed like its predecessor
    ├── UnknownStageSign           one tile along an axis: the stage's sense cannot be seen
    └── Suspicious                 worth a look, nothing was changed

A message says what was read, what was found and what is allowed; ``hint`` says what to do.
"""


class LinumpyError(Exception):
    """Base of all errors; carries a message and a hint for the user."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions pickle by args; the hint must survive the way back from a worker process.
        return (_rebuild, (type(self), self.message, self.hint))


def _rebuild(kind: type[LinumpyError], message: str, hint: str) -> LinumpyError:
    return kind(message, hint=hint)


class InputError(LinumpyError):
    """The user's data or command cannot be used."""


class MissingFile(InputError, FileNotFoundError):
    """A file or folder that is needed does not exist."""


class OutputExists(InputError, FileExistsError):
    """An output exists and was not to be overwritten."""


class BadFile(InputError, ValueError):
    """A file exists and its content cannot be right."""


class BadValue(InputError, ValueError):
    """A parameter or a cell holds what is not allowed."""


class EmptySelection(InputError, ValueError):
    """No slice is left to work on."""


class BrokenChain(InputError, ValueError):
    """Two consecutive slices have no shift between them."""


class UnknownSlice(InputError, KeyError):
    """A slice id that the record does not hold."""


class NoSpace(InputError, OSError):
    """The disk cannot hold what would be written."""


class MissingExtra(InputError, ImportError):
    """An optional dependency is not installed."""


class OutOfMemory(LinumpyError, MemoryError):
    """The machine could not hold what the work needs; the same command goes on from there."""


class SliceFailed(LinumpyError):
    """One slice or more failed in a run that went on with the others."""


class Defect(LinumpyError):
    """A fault of the software, not of its input."""


class LinumpyWarning(UserWarning):
    """Base of all warnings."""


class MissingShift(LinumpyWarning):
    """A slice has no shift; it takes the place of the nearest lower id."""


class UnknownStageSign(LinumpyWarning):
    """Stage positions cannot show the sense of an axis."""


class Suspicious(LinumpyWarning):
    """Something is worth a look; nothing was changed."""
