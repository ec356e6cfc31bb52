"""What a user asks for on a command line → a scene and its truth."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from linumpy.core.slice_id import parse_ids
from linumpy.core.spacing import Spacing
from linumpy.errors import BadValue
from linumpy.synth.faults import Faults
from linumpy.synth.planting import draw_faults, split_words
from linumpy.synth.presets import AnatomyName, Preset, make_scene, preset
from linumpy.synth.rig import RIG_KEYS, Rig
from linumpy.synth.scene import Scene, from_array
from linumpy.synth.truth import Truth, plan
from linumpy.synth.truth_file import plan_like, rig_of

Volume = tuple[NDArray[Any], Spacing]
_FAULT_WORDS: dict[str, tuple[type, ...]] = {
    "galvo": (int, float),
    "glitch": (float, float),
    "rehome": (float, float),
    "growth": (int, int, int, int),
    "rotation_deg": (float,),
    "hidden_shift_um": (float, float),
    "damage": (str, float),
    "missing_tiles": (int, int),
}
_WITH_TRUTH = frozenset(
    {"looks", "noise", "vignetting", "attenuation_per_mm", "layout", "n_files", "axial_written_um"}
)
"""Rig flags that do not touch the geometry of a truth file."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A parsed command line: flags by name, absent where they were not given."""

    flags: Mapping[str, Any]
    volume: Volume | None
    like: Mapping[str, Any] | None

    @classmethod
    def from_flags(
        cls, flags: Mapping[str, Any], *, volume: Volume | None, like: Mapping[str, Any] | None
    ) -> Self:
        """Keep the flags that were given.

        Raises
        ------
        BadValue
            If a flag does not go with --truth or with --volume.
        """
        given = {name: value for name, value in flags.items() if value not in (None, (), 0)}
        if like is not None:
            fixed = sorted(((set(RIG_KEYS) | set(_FAULT_WORDS) | _IDS) & set(given)) - _WITH_TRUTH)
            if fixed:
                raise BadValue(f"--{fixed[0]} does not go with --truth, which says it")
        for name in ("grid", "anatomy"):
            if volume is not None and name in given:
                raise BadValue(f"--{name} does not go with --volume, which decides it")
        for name in ("looks", "noise", "gain_drift", "jitter_um"):  # here 0 means: off
            if flags.get(name) is not None:
                given[name] = flags[name]
        return cls(flags=given, volume=volume, like=like)

    @property
    def preset(self) -> Preset:
        """The acquisition that the flags change."""
        return preset(str(self.flags.get("preset", "demo")))

    @property
    def reference_um(self) -> float | None:
        """Voxel of the truth volume, µm; None: none is wanted."""
        said: float | None = self.flags.get("reference_um")
        if said is not None:
            return said
        if self.like is not None:
            return float(rig_of(self.like).lateral_um)
        return self.preset.resolution_um if self.preset.has_truth_volume else None


_IDS = frozenset({"missing", "calibration", "random_faults", "grid"})


def plan_request(request: Request) -> tuple[Scene, Truth]:
    """Return the anatomy that is asked for, and the truth of its acquisition.

    Raises
    ------
    BadValue, BadFile
        Where flags, files and geometry do not fit each other.
    """
    if request.like is not None:
        return _plan_like(request, request.like)
    base = request.preset
    rig = _rig(base.rig, request.flags)
    seed = int(request.flags.get("simulation_seed", base.seed))
    grid = tuple(request.flags.get("grid", base.grid))
    anatomy = request.flags.get("anatomy", base.anatomy)
    scene = _scene(request, rig, (anatomy, (grid[0], grid[1]), seed))
    grid = rig.grid_for((scene.size_mm[2], scene.size_mm[1]))
    return scene, plan(scene, rig, _faults(request, base, rig, grid, seed), seed)


def _plan_like(request: Request, like: Mapping[str, Any]) -> tuple[Scene, Truth]:
    rig = _rig(rig_of(like), request.flags)
    seed = int(request.flags.get("simulation_seed", like["seed"]))
    first = like["slices"][min(like["slices"], key=int)]
    anatomy = request.flags.get("anatomy", like.get("anatomy", "brain"))
    scene = _scene(request, rig, (anatomy, (first["tiles"][0], first["tiles"][1]), seed))
    return scene, plan_like(scene, like, seed, rig=rig)


def _scene(
    request: Request, rig: Rig, procedural: tuple[AnatomyName, tuple[int, int], int]
) -> Scene:
    if request.volume is None:
        anatomy, grid, seed = procedural
        return make_scene(anatomy, rig, grid, seed)
    array, spacing = request.volume
    scene = from_array(np.asarray(array), spacing)
    last = rig.z_mm(rig.ids[-1])
    if last >= scene.size_mm[0]:
        raise BadValue(
            f"the last slice lies {last:g} mm deep, the volume is {scene.size_mm[0]:g} mm deep",
            hint="acquire fewer slices (--ids), or cut thinner ones (--slice_um)",
        )
    return scene


def _rig(base: Rig, flags: Mapping[str, Any]) -> Rig:
    changed = {name: value for name, value in flags.items() if name in RIG_KEYS and name != "ids"}
    if "ids" in flags:
        changed["ids"] = tuple(one.number for one in parse_ids(flags["ids"]))
    return replace(base, **changed)


def _faults(request: Request, base: Preset, rig: Rig, grid: tuple[int, int], seed: int) -> Faults:
    flags = request.flags
    planted = base.faults if flags.get("faults") else Faults()
    if "random_faults" in flags:
        planted = draw_faults(rig, grid, seed, flags["random_faults"])
    changed: dict[str, Any] = {
        name: tuple(one.number for one in parse_ids(flags[name]))
        for name in ("missing", "calibration")
        if name in flags
    }
    for name, kinds in _FAULT_WORDS.items():
        if name not in flags:
            continue
        words = split_words(f"--{name}", flags[name], kinds)
        if name == "damage":
            changed["quality"] = {number: kind for number, (kind, _) in words}
            changed["severity"] = {number: severity for number, (_, severity) in words}
        elif name == "missing_tiles":
            absent: dict[int, list[tuple[int, int]]] = {}
            for number, place in words:
                absent.setdefault(number, []).append((place[0], place[1]))
            changed[name] = {number: tuple(places) for number, places in absent.items()}
        else:
            changed[name] = {
                number: value if len(value) > 1 else value[0] for number, value in words
            }
    return replace(planted, **changed)
