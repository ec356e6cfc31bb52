"""``slice_z{NN}_galvo.json``: what was measured about the galvo return of one slice."""

import json
from collections.abc import Mapping
from pathlib import Path

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, MissingFile
from linumpy.io import atomic


def file_name(slice_id: SliceId) -> str:
    """Return the name of the file in its folder."""
    return f"slice_z{slice_id}_galvo.json"


def write(path: str | Path, slice_id: SliceId, evidence: Mapping[str, object]) -> None:
    """Write the evidence of one slice, as `preproc.xyzcorr.GalvoEvidence.to_json` gives it."""
    atomic.write_json(path, {"slice_id": str(slice_id), **evidence})


def read_shift_px(path: str | Path, slice_id: SliceId, n_extra: int) -> int:
    """Return the roll to apply to the A-lines of a slice that is to be fixed.

    Where the detector saw the return at the end (``shift_px`` 0) and the record says
    ``galvo_fix=true`` all the same, the user decided, and the roll is the best candidate.

    Raises
    ------
    MissingFile
        If there is no such file: without it a fix cannot be applied.
    BadFile
        If it is of another slice or rig, or holds no roll.
    """
    path = Path(path)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        of_slice, of_extra = SliceId(found["slice_id"]), int(found["n_extra"])
        shift_px = int(found["shift_px"]) or int(found["candidate_shift_px"])
    except FileNotFoundError as error:
        raise MissingFile(
            f"{path}: no such file, and slice {slice_id} has galvo_fix=true",
            hint="run linum_generate_slice_config.py --detect_galvo, give --galvo_json, "
            "or set galvo_fix=false",
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadFile(
            f"{path}: not the galvo evidence of a slice ({error!r})",
            hint="run linum_generate_slice_config.py --detect_galvo again",
        ) from error
    if (of_slice, of_extra) != (slice_id, n_extra):
        raise BadFile(
            f"{path}: is of slice {of_slice} with n_extra={of_extra}; slice {slice_id} with "
            f"n_extra={n_extra} is needed",
            hint="give the file of this slice",
        )
    return shift_px
