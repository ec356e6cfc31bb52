"""The truth file: `linumpy.synth.truth` ↔ JSON.

The layout is that of ``allen-coronal-9`` with more keys, and its file is read too.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from linumpy.errors import BadFile
from linumpy.synth.faults import Faults
from linumpy.synth.rig import RIG_KEYS, Rig
from linumpy.synth.scene import Scene
from linumpy.synth.truth import SliceTruth, TileTruth, Truth, place_tiles, plan


def to_json(truth: Truth) -> dict[str, Any]:
    """Return the content of ``truth.json``."""
    rig = asdict(truth.rig)
    return {
        "rig": rig,
        "faults": {
            **{name: _keyed(value) for name, value in asdict(truth.faults).items()},
            "gain_drift": truth.rig.gain_drift,
        },
        "seed": truth.seed,
        "centre_mm": list(truth.centre_mm),
        "size_zyx_mm": list(truth.size_mm),
        "anatomy": truth.anatomy,
        "slices": {str(key): _slice_to_json(one) for key, one in truth.slices.items()},
    }


def plan_like(scene: Scene, like: Mapping[str, Any], seed: int, *, rig: Rig | None = None) -> Truth:
    """Return a truth with the geometry of an existing truth file, for another rendering.

    Rig, faults, origins, tiles, gains and water are taken; where the file does not say where a
    tile was, its jitter is drawn from ``seed``. Another ``rig`` may replace the file's optics.

    Raises
    ------
    BadFile
        If ``like`` is no truth file.
    """
    with _reading():
        rig = rig or _rig_from(like["rig"], like["slices"])
        drawn = plan(scene, rig, _faults_from(like["faults"]), seed)
        slices = {
            key: _take(one, like["slices"][str(key)], rig, seed)
            for key, one in drawn.slices.items()
        }
    return replace(drawn, slices=slices)


def rig_of(like: Mapping[str, Any]) -> Rig:
    """Return the rig of a truth file; raises `BadFile` where there is none."""
    with _reading():
        return _rig_from(like["rig"], like["slices"])


@contextlib.contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise BadFile(
            f"not a truth file: {type(error).__name__} {error}",
            hint="give the truth.json of a simulated acquisition",
        ) from error


def _take(drawn: SliceTruth, said: Mapping[str, Any], rig: Rig, seed: int) -> SliceTruth:
    taken = replace(
        drawn,
        origin_mm=_pair(said["origin_mm"]),
        reported_error_mm=_pair(said["reported_error_mm"]),
        tiles=(int(said["tiles"][0]), int(said["tiles"][1])),
        rotation_deg=float(said["rotation_deg"]),
        hidden_shift_um=_pair(said["hidden_shift_um"]),
        galvo_roll=int(said["galvo_roll"]),
        gain=float(said["gain"]),
        water_um=float(said["water_um"]),
        nz=int(said["nz"]),
    )
    if "tile_origins_mm" in said:
        errors = said["tile_errors_mm"]
        places = {
            _place(name): TileTruth(_pair(origin), _pair(errors[name]))
            for name, origin in said["tile_origins_mm"].items()
        }
        return replace(taken, tile_truths=places)
    return replace(taken, tile_truths=place_tiles(taken, rig, seed, set()))


def _slice_to_json(one: SliceTruth) -> dict[str, Any]:
    found = {
        name: list(value) if isinstance(value, tuple) else value
        for name in SliceTruth.__dataclass_fields__
        if name != "tile_truths"
        for value in [getattr(one, name)]
    }
    places = {f"x{x:02d}_y{y:02d}": tile for (x, y), tile in one.tile_truths.items()}
    found["tile_origins_mm"] = {name: list(tile.origin_mm) for name, tile in places.items()}
    found["tile_errors_mm"] = {name: list(tile.error_mm) for name, tile in places.items()}
    columns, rows = one.tiles
    found["missing_tiles"] = [
        [x, y] for y in range(rows) for x in range(columns) if (x, y) not in one.tile_truths
    ]
    return found


def _rig_from(said: Mapping[str, Any], slices: Mapping[str, Any]) -> Rig:
    known = {name: value for name, value in said.items() if name in RIG_KEYS}
    foreign = {name: value for name, value in said.items() if name not in RIG_KEYS}
    if foreign not in ({}, {"orientation": "standard"}):
        raise BadFile(f"truth file: rig has unknown keys {', '.join(foreign)}")
    tile = said["tile_px"]
    known["tile_px"] = (tile, tile) if isinstance(tile, int) else tuple(tile)
    for name in ("tilt_deg", "stage_zero_mm"):
        if name in known:
            known[name] = tuple(known[name])
    known["ids"] = tuple(known.get("ids") or sorted(int(key) for key in slices))
    return Rig(**known)


def _faults_from(said: Mapping[str, Any]) -> Faults:
    found: dict[str, Any] = {}
    for item in fields(Faults):
        value = said.get(item.name)
        if value is None:
            continue
        if isinstance(value, Mapping):
            found[item.name] = {int(key): _tuples(part) for key, part in value.items()}
        else:
            found[item.name] = _tuples(value)
    return Faults(**found)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list) else value


def _keyed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): part for key, part in value.items()}
    return value


def _pair(value: Any) -> tuple[float, float]:
    return (float(value[0]), float(value[1]))


def _place(name: str) -> tuple[int, int]:
    x, _, y = name[1:].partition("_y")
    return (int(x), int(y))
