"""Anatomical orientation codes: which way each axis of a volume runs.

A letter names the direction in which the index of that axis grows: R/L, A/P, S/I. So ``PIR``: axis
0 runs to posterior, axis 1 to inferior, axis 2 to the right. The common frame is (S, A, R), as
(z, y, x).
"""

from dataclasses import dataclass
from itertools import permutations, product
from typing import Self

import numpy as np
from numpy.typing import NDArray

from linumpy.errors import BadValue

_AXIS_OF = {"S": 0, "I": 0, "A": 1, "P": 1, "R": 2, "L": 2}
_OPPOSITE = dict(zip("SIAPRL", "ISPALR", strict=True))
_POSITIVE = "SAR"


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a volume becomes (S, A, R): take ``permutation[d]``, flip it where ``signs[d]`` is −1."""

    code: str
    permutation: tuple[int, int, int]
    signs: tuple[int, int, int]

    @classmethod
    def parse(cls, code: str) -> Self:
        """Return the orientation that three letters name, in any case.

        Raises
        ------
        BadValue
            If the code has not three letters, an unknown one, or two of one pair.

        Examples
        --------
        >>> Orientation.parse("PIR").permutation, Orientation.parse("PIR").signs
        ((1, 0, 2), (-1, -1, 1))
        """
        letters = code.upper()
        if len(letters) != len(_POSITIVE) or {_AXIS_OF.get(c) for c in letters} != {0, 1, 2}:
            raise BadValue(
                f"{code!r} is no orientation: one letter of each pair R/L, A/P, S/I is needed",
                hint="name the direction in which each axis runs, as in PIR or SAR",
            )
        source = {_AXIS_OF[letter]: axis for axis, letter in enumerate(letters)}
        s, a, r = (source[target] for target in range(3))
        signs = [1 if letters[axis] in _POSITIVE else -1 for axis in (s, a, r)]
        return cls(letters, (s, a, r), (signs[0], signs[1], signs[2]))

    @classmethod
    def from_origin(cls, code: str) -> Self:
        """Return the orientation of a code that names where the axes start, as BrainGlobe does.

        Examples
        --------
        >>> Orientation.from_origin("asr").code
        'PIL'
        """
        return cls.parse("".join(_OPPOSITE.get(letter, letter) for letter in code.upper()))

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Signed permutation, shape (3, 3): displacement in the volume → in (S, A, R)."""
        matrix = np.zeros((3, 3))
        for target, (axis, sign) in enumerate(zip(self.permutation, self.signs, strict=True)):
            matrix[target, axis] = sign
        return matrix

    @property
    def opposite(self) -> str:
        """The letters at the low ends of the axes."""
        return "".join(_OPPOSITE[letter] for letter in self.code)


def all_codes() -> list[str]:
    """Return the 48 codes."""
    pairs = ("SI", "AP", "RL")
    return sorted("".join(letters) for order in permutations(pairs) for letters in product(*order))
