"""When a morph between two slices is refused: decided from numbers alone.

The numbers are those of the diagnostics, so a decision can be taken again from the file.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from linumpy.registration.affine import IDENTITY, Affine2D

BlendMethod = Literal["gaussian", "linear"]
Reason = Literal[
    "low_overlap_ncc",
    "no_foreground_planes",
    "registration_exception",
    "reg_did_not_improve",
    "affine_determinant_non_positive",
]

MAX_ROTATION_DEG, MAX_SHIFT_SHARE = 5.0, 0.08
"""Bounds of the rigid start; the translation as a share of the shorter side."""
IN_PLACE_PX = 1.5
"""Planes whose motion, plus two standard errors, stays below this are in place."""
SAME_TISSUE = 0.65
"""Agreement in the band of anatomy from which two planes show the same tissue: other tissue comes
to 0.4 to 0.6 (outlines are alike), the same tissue to 0.66 and more, even at one look."""
UNSURE_SHARE = 0.03
"""Estimated error of the rigid fit, as a share of the shorter side, from which it fits by chance.
Measured: up to 0.02 on tissue that deforms, 0.04 and more on other tissue."""
MAX_BEYOND = 1.5
"""The affine map may turn and shift this many times as far as the rigid start."""
MAX_STRETCH = 1.35
"""Largest stretch, and its inverse the largest shrinkage, of tissue from one slice to the next but
one; beyond it the map fits one thing to another."""


@dataclass(frozen=True, slots=True)
class Gates:
    """When the morph is refused, and how its planes are blended."""

    overlap_search_window: int = 5
    reference_slab_size: int = 3
    min_foreground_fraction: float = 0.1
    min_overlap_correlation: float = 0.3
    min_ncc_improvement: float = 0.05
    aligned_ncc: float = 0.8
    blend_method: BlendMethod = "gaussian"


@dataclass(frozen=True, slots=True)
class Morph:
    """What the gates decided, with the numbers behind it.

    ``fitted`` is the map that registration found, ``affine`` the one that is taken: that, or the
    identity. It pulls before onto after. ``reason`` is None when the morph may be made;
    ``identity_reason`` says why the identity was taken, empty when it was not. ``band_pre`` and
    ``band_post`` are `band_agreement` before and after the map; ``shorter_px`` is the shorter side.
    The rigid motion (of a point half way to the border) and its estimated error are in pixels.
    """

    reason: Reason | None
    ref_before: int | None = None
    ref_after: int | None = None
    search_ncc: float | None = None
    pre_ncc: float | None = None
    post_ncc: float | None = None
    band_pre: float | None = None
    band_post: float | None = None
    shorter_px: int = 0
    affine: Affine2D = IDENTITY
    fitted: Affine2D = IDENTITY
    identity_reason: str = ""
    rigid_motion_px: float | None = None
    rigid_error_px: float | None = None

    @property
    def is_identity(self) -> bool:
        """Whether the planes were in place already and the identity was taken."""
        return bool(self.identity_reason)


def decide(found: Morph, gates: Gates) -> Morph:
    """Decide from the numbers alone: what `plan_morph` measured, or what its diagnostics say."""
    pre, post = found.pre_ncc or 0.0, found.post_ncc or 0.0
    agree_then = post > pre and _agree(post, found.band_post, gates)
    is_better = is_trusted(found) and (post - pre >= gates.min_ncc_improvement or agree_then)
    if best_ncc(found) < gates.min_overlap_correlation:
        return replace(found, reason="low_overlap_ncc")
    in_place = _identity_reason(found, gates)
    if in_place:
        return found if is_better else _stay(found, in_place)
    if found.fitted.determinant <= 0:
        return replace(found, reason="affine_determinant_non_positive")
    return found if is_better else replace(found, reason="reg_did_not_improve")


def _stay(found: Morph, why: str) -> Morph:
    return replace(found, affine=IDENTITY, identity_reason=why)


def best_ncc(found: Morph) -> float:
    """Return the best correlation of the planes: motion alone must not make it low."""
    return max(found.search_ncc or 0.0, found.pre_ncc or 0.0, found.post_ncc or 0.0)


def is_trusted(found: Morph) -> bool:
    """Say whether a map lays tissue on the same tissue and moves it as tissue moves.

    Six parameters fit a little of anything, and a torn half or another brain can be pulled a long
    way to raise a correlation.
    """
    map_ = found.fitted
    if map_.determinant <= 0 or (found.band_post or 0.0) < SAME_TISSUE:
        return False
    error_px = found.rigid_error_px
    if error_px is None or error_px > UNSURE_SHARE * found.shorter_px:
        return False
    largest, least = np.linalg.svd(map_.matrix, compute_uv=False)
    shift_px = float(np.hypot(*map_.translation))
    return bool(
        max(largest, 1 / least) <= MAX_STRETCH
        and abs(map_.rotation_deg) <= MAX_BEYOND * MAX_ROTATION_DEG
        and shift_px <= MAX_BEYOND * MAX_SHIFT_SHARE * found.shorter_px
    )


def _agree(ncc: float, band: float | None, gates: Gates) -> bool:
    """Say whether planes agree: as they are, or in the band of anatomy when noise blurs that."""
    if ncc >= gates.aligned_ncc:
        return True
    return ncc >= gates.min_overlap_correlation and (band or 0.0) >= gates.aligned_ncc


def _identity_reason(found: Morph, gates: Gates) -> str:
    """Say why the pair counts as aligned already; empty when it does not.

    Either the planes agree, or registration, free to move them, is sure that they are in place:
    speckle and what changes from plane to plane can keep aligned planes from agreeing further.
    """
    if _agree(found.pre_ncc or 0.0, found.band_pre, gates):
        return "the planes agree already"
    moved, error = found.rigid_motion_px, found.rigid_error_px
    is_still = moved is not None and error is not None and moved + 2 * error < IN_PLACE_PX
    if is_still and (found.band_pre or 0.0) >= SAME_TISSUE:
        return "registration finds the planes in place"
    return ""
