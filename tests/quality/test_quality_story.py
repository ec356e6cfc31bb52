"""Damage against truth on acquisitions drawn from seeds that no step was looked at with."""

import numpy as np
import pytest

from linumpy.core.slice_id import SliceId
from linumpy.mosaic.projection import Canvas
from linumpy.quality.traits import Meter, measure_tile
from linumpy.scripts.mosaic_views import View
from linumpy.scripts.quality_steps import assess
from tests.quality import brains

SEEDS = range(3000, 3016)


def view(piece):
    rig = piece.rig
    canvas, meter = Canvas(1.0, n_slabs=5, depth_mm=float(rig.nz)), Meter()
    for (row, col), tile in piece.tiles.items():
        corner = (float(row * rig.step), float(col * rig.step))
        canvas.add(tile, corner, (1.0, 1.0, 1.0))
        meter.add((row, col), corner, measure_tile(tile))
    return View(canvas.finish(), meter.finish())


def draw(seed):
    """Return the severity found, and the NCC with the undamaged slice (None: nothing planted)."""
    rng = np.random.default_rng(seed)
    rig, n = brains.random_rig(rng), int(rng.choice([4, 6, 9]))
    maps = brains.anatomy(rng, rig, n, ("regions", "layers", "fibres")[seed % 3])
    hurt = set(rng.choice(n, 1 if n < 9 else 2, replace=False))
    views, truth = {}, {}
    for i in range(n):
        own = int(rng.integers(2**31))
        damage = {
            "damage": brains.KINDS[rng.integers(7)],
            "severity": float(rng.uniform(0.1, 1)),
            "variant": int(rng.integers(24)),
        }
        pieces = [
            brains.acquire(np.random.default_rng(own), rig, maps[i], speckle_seed=own, **planted)
            for planted in ({}, damage)
        ]
        key = SliceId(i)
        views[key] = view(pieces[i in hurt])
        truth[key] = min(brains.truth_ncc(pieces[1], pieces[0])) if i in hurt else None
    verdicts = assess(views, list(views), workers=1)
    return [(verdicts[key].worst.severity, truth[key]) for key in views]


@pytest.mark.story
def test_damaged_slices_are_told_from_good_ones():
    "AUC at least 0.97, and no slice without damage is left out."
    found = [pair for seed in SEEDS for pair in draw(seed)]
    bad = np.array([severity for severity, ncc in found if ncc is not None and ncc < 0.8])
    rest = np.array([severity for severity, ncc in found if ncc is None or ncc >= 0.8])
    clean = np.array([severity for severity, ncc in found if ncc is None])
    auc = np.mean(bad[:, None] > rest)
    print(f"AUC {auc:.4f} of {len(bad)} damaged and {len(rest)} other slices")  # noqa: T201
    assert auc >= 0.97
    assert np.mean(bad >= 1) >= 0.9
    assert not (clean >= 1).any()
