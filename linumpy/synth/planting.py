"""Faults from words on a command line, or from a seed."""

from collections.abc import Iterable, Sequence
from typing import Any

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadValue
from linumpy.synth.faults import DAMAGE_KINDS, Faults
from linumpy.synth.rig import Rig
from linumpy.synth.truth import generator

_DRAW = 14
"""Stream of random numbers of drawn faults."""


def split_words(
    flag: str, words: Iterable[str], kinds: Sequence[type]
) -> list[tuple[int, tuple[Any, ...]]]:
    """Return ``id:value:…`` words as (slice number, values).

    Parameters
    ----------
    flag : str
        Named in errors.
    words : iterable of str
        ``"3:21:0.5"``.
    kinds : sequence of type
        Types of the values after the id.

    Raises
    ------
    BadValue
        If a word has another number of parts or a part of another type.

    Examples
    --------
    >>> split_words("--galvo", ["3:21:0.5"], (int, float))
    [(3, (21, 0.5))]
    """
    found = []
    for word in words:
        name, *parts = word.split(":")
        try:
            values = tuple(kind(part) for kind, part in zip(kinds, parts, strict=True))
        except ValueError as error:
            shape = ":".join(["ID", *(kind.__name__ for kind in kinds)])
            raise BadValue(f"{flag} {word!r}; allowed: {shape}") from error
        found.append((SliceId(name).number, values))
    return found


def draw_faults(rig: Rig, grid: tuple[int, int], seed: int, n_faults: int) -> Faults:
    """Draw faults of unlike kinds on unlike slices, the first slice left alone.

    Parameters
    ----------
    rig : Rig
        Its ids and tiles bound what is drawn.
    grid : tuple of int
        (columns, rows).
    seed : int
        The same seed draws the same faults.
    n_faults : int
        At most the number of slices after the first; fewer when there are not enough.
    """
    rng = generator(seed, _DRAW)
    kinds = ["quality", "glitch", "rehome", "hidden_shift_um", "rotation_deg", "missing_tiles"]
    kinds += ["galvo"] if rig.n_extra else []
    slices = rng.permutation(rig.ids[1:])[:n_faults].tolist()
    order = [kinds[i % len(kinds)] for i in rng.permutation(len(kinds)).tolist() * n_faults]
    found: dict[str, Any] = {}
    for number, kind in zip(slices, order, strict=False):
        found.setdefault(kind, {})[number] = _draw_one(kind, rig, grid, rng)
    return Faults(**found)


def _draw_one(kind: str, rig: Rig, grid: tuple[int, int], rng: Any) -> Any:
    signs = rng.choice((-1, 1), 2).tolist()
    match kind:
        case "quality":
            return str(rng.choice(DAMAGE_KINDS))
        case "glitch":
            sizes = (rng.uniform(0.3, 0.6, 2) * rig.fov_mm).tolist()
            return (signs[0] * sizes[0], signs[1] * sizes[1])
        case "rehome":
            return (signs[0] * rig.fov_mm[0] * int(rng.integers(1, 3)), 0.0)
        case "hidden_shift_um":
            sizes = (rng.uniform(1.0, 3.0, 2) * rig.lateral_um).tolist()
            return (signs[0] * sizes[0], signs[1] * sizes[1])
        case "rotation_deg":
            return signs[0] * float(rng.uniform(0.3, 1.0))
        case "missing_tiles":
            return ((int(rng.integers(grid[0])), int(rng.integers(grid[1]))),)
        case _:
            roll = int(rng.integers(1, rig.tile_px[0] + rig.n_extra))
            gain = rng.uniform(0.3, 0.6) if signs[0] < 0 else rng.uniform(1.5, 2.2)
            return (roll, float(gain))
