"""A removed slice, interpolated: how like it the result is, and when it is refused."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import ndimage
from skimage.metrics import structural_similarity

from accuracy.anatomy import draw_scene
from accuracy.measure import Measure, Target, Trial
from accuracy.statistics import quantile, rate
from linumpy.registration.pairwise import PlaneSource
from linumpy.stack.interpolate import (
    Neighbours,
    average_planes,
    morph_planes,
    plan_morph,
)
from linumpy.stack.morph_gates import Gates, Morph
from linumpy.synth import Scene

Planes = NDArray[np.float32]
Kind = Literal[
    "deforming", "aligned", "other tissue", "other depth", "turned", "shifted", "torn", "smeared"
]
FIT = ("deforming", "aligned")
UNFIT: tuple[Kind, ...] = ("other tissue", "other depth", "turned", "shifted", "torn", "smeared")
TISSUE = 0.2
"""Threshold of tissue, as the slices' attributes say it; tissue lies at 0.4 to 1."""
OPEN = Gates(min_overlap_correlation=-1.0, min_foreground_fraction=0.0)
"""Gates that let every pair come to registration: what would have been made."""
MEDIUM = 0.02
"""Brightness around the tissue."""
WINDOW_PX = 7
SIZE_MM = (6.0, 10.0, 10.0)


@dataclass(frozen=True)
class Case:
    """Both neighbours, the removed slice without its speckle, and what was drawn."""

    kind: Kind
    before: Planes
    after: Planes
    truth: Planes
    interval_planes: int
    drawn: dict[str, float] = field(default_factory=dict)
    anatomy: str = ""

    @property
    def neighbours(self) -> Neighbours:
        """What the library is given."""
        before, after = (
            PlaneSource(name, len(planes), partial(_planes, planes))
            for name, planes in (("before", self.before), ("after", self.after))
        )
        return Neighbours(before, after, self.interval_planes)

    @property
    def between(self) -> slice:
        """Planes of the slot that no neighbour reaches: those that are made up."""
        depth = len(self.truth)
        start = max(0, depth - self.interval_planes)
        return slice(start, min(depth, self.interval_planes))

    def likeness(self, made: Planes) -> float:
        """Return the likeness to the truth, of what was made up."""
        return likeness(made[self.between], self.truth[self.between])


def _planes(planes: Planes, start: int, stop: int) -> Planes:
    return planes[start:stop]


def draw(seed: int) -> Case:
    """Draw tissue, its deformation, the sampling and the damage."""
    rng = np.random.default_rng([seed, 81])
    sort = str(rng.choice(["deforming", "aligned", "unfit"], p=[0.4, 0.15, 0.45]))
    kind: Kind = "deforming" if sort == "deforming" else "aligned"
    if sort == "unfit":
        kind = UNFIT[int(rng.integers(len(UNFIT)))]
    side = int(rng.integers(80, 121))
    interval = int(rng.integers(3, 9))
    depth = max(3, round(interval * float(rng.uniform(0.8, 1.8))))
    drawn = {
        "side_px": float(side),
        "interval_planes": float(interval),
        "depth_intervals": depth / interval,
        "interval_per_width": float(np.exp(rng.uniform(np.log(0.008), np.log(0.04)))),
        "looks": float(np.exp(rng.uniform(0, np.log(16)))),
        "contrast": float(rng.uniform(0.5, 1)),
        "motion_share": float(rng.uniform(0.01, 0.04)),
        "bend_px": float(rng.uniform(0, 1.5)),
        "gain_step": float(rng.normal(0, 0.05)),
    }
    is_still = kind == "aligned" or (kind in UNFIT and rng.uniform() < 0.5)
    if is_still:
        drawn |= {"motion_share": 0.0, "bend_px": 0.0}
    view = _View.draw(rng, side, drawn, _scene(rng, drawn["contrast"]))
    tops = {"before": 0, "truth": interval, "after": 2 * interval}
    planes = {name: view.planes(top, depth, interval) for name, top in tops.items()}
    if kind not in FIT:
        which = str(rng.choice(["before", "after"]))
        planes[which] = _unfit(rng, kind, view, planes[which], (tops[which], depth, interval))
    gain = np.exp(drawn["gain_step"] / 2)
    return Case(
        kind,
        _speckle(rng, planes["before"] / gain, drawn["looks"]),
        _speckle(rng, planes["after"] * gain, drawn["looks"]),
        planes["truth"],
        interval,
        drawn,
        view.scene.name,
    )


def _scene(rng: np.random.Generator, contrast: float) -> Scene:
    return draw_scene(rng, SIZE_MM, finest_um=float(rng.uniform(150, 400)), contrast=contrast)


@dataclass(frozen=True)
class _View:
    """A canvas on the anatomy: the content moves with depth, evenly from plane to plane.

    Depth 1.5 intervals, the middle of the removed slice, is where the content lies unmoved.
    """

    scene: Scene
    side: int
    drawn: dict[str, float]
    start_mm: float
    stretch: NDArray[np.float64]
    shift: NDArray[np.float64]
    bend: tuple[NDArray[np.float32], NDArray[np.float32]]

    @classmethod
    def draw(
        cls, rng: np.random.Generator, side: int, drawn: dict[str, float], scene: Scene
    ) -> "_View":
        turn, *stretches = rng.normal(size=4)
        matrix = np.array(
            [[stretches[0], stretches[1] - turn], [stretches[1] + turn, stretches[2]]]
        )
        matrix *= 0.02
        shift = rng.normal(size=2)
        lever = side / 4
        size = np.sqrt(np.mean(shift**2) + np.mean((matrix * lever) ** 2)) * np.sqrt(2)
        # Within the bounds of motion over two slices: 5° and 8 % of the side.
        scale = min(
            drawn["motion_share"] * side / size,
            np.deg2rad(2.5) / abs(0.02 * turn),
            0.04 * side / float(np.hypot(*shift)),
        )
        field = [
            ndimage.zoom(rng.normal(size=(5, 5)), (side / 5, side / 5), order=3)[:side, :side]
            for _ in range(2)
        ]
        bend = [drawn["bend_px"] * np.asarray(f / f.std(), np.float32) for f in field]
        return cls(
            scene, side, drawn, float(rng.uniform(1.5, 3.5)), matrix * scale, shift * scale,
            (bend[0], bend[1]),
        )  # fmt: skip

    def planes(
        self,
        top: int,
        depth: int,
        interval: int,
        *,
        z_off_mm: float = 0.0,
        scene: Scene | None = None,
    ) -> Planes:
        """Return planes from ``top`` on, (z, y, x), as tissue lies there."""
        width = (scene or self.scene).size_mm[2]
        step = self.drawn["interval_per_width"] * width / interval
        z = self.start_mm + z_off_mm + (np.arange(depth) + top) * step
        line = (np.arange(self.side) + 0.5) / self.side * width
        grid = z[:, None, None], line[None, :, None], line[None, None, :]
        still = (scene or self.scene).at(*grid)
        still = np.maximum(still, MEDIUM)
        middle = 1.5 * interval
        return np.stack(
            [
                self._move(plane, (top + k + 0.5 - middle) / interval)
                for k, plane in enumerate(still)
            ]
        )

    def _move(self, plane: Planes, share: float) -> Planes:
        """Move the content by ``share`` times the motion per interval."""
        y, x = np.mgrid[: self.side, : self.side].astype(np.float64)
        centre = (self.side - 1) / 2
        place = np.stack([y - centre, x - centre])
        moved = np.tensordot(self.stretch, place, 1) + self.shift[:, None, None] + self.bend
        found = ndimage.map_coordinates(plane, place + centre - share * moved, order=3, cval=MEDIUM)
        return np.asarray(np.clip(found, MEDIUM, None), dtype=np.float32)


def _unfit(
    rng: np.random.Generator, kind: Kind, view: _View, planes: Planes, cut: tuple[int, int, int]
) -> Planes:
    """Return a neighbour that does not fit."""
    if kind == "other tissue":
        return view.planes(*cut, scene=_scene(rng, view.drawn["contrast"]))
    if kind == "other depth":
        return view.planes(*cut, z_off_mm=float(rng.choice([-1, 1]) * rng.uniform(1.5, 2.5)))
    if kind == "turned":
        angle = float(rng.choice([-1, 1]) * rng.uniform(12, 60))
        return ndimage.rotate(planes, angle, (2, 1), reshape=False, order=1, cval=MEDIUM)
    if kind == "shifted":
        angle = rng.uniform(0, 2 * np.pi)
        step = rng.uniform(0.15, 0.35) * view.side * np.array([np.cos(angle), np.sin(angle)])
        return ndimage.shift(planes, (0, *step), order=1, cval=MEDIUM)
    if kind == "smeared":
        return ndimage.uniform_filter1d(planes, int(rng.integers(9, 26)), axis=2)
    # torn: one part has slid away from the other
    y, x = np.mgrid[: view.side, : view.side] / view.side - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    part = y * np.cos(angle) + x * np.sin(angle) > rng.uniform(-0.1, 0.1)
    step = rng.uniform(8, 20, 2) * rng.choice([-1, 1], 2)
    slid = ndimage.shift(planes, (0, *step), order=1, cval=MEDIUM)
    return np.where(part, slid, planes)


def _speckle(rng: np.random.Generator, planes: Planes, looks: float) -> Planes:
    return np.asarray(planes * rng.gamma(looks, 1 / looks, planes.shape), dtype=np.float32)


def likeness(made: Planes, truth: Planes) -> float:
    """Return the mean SSIM over the tissue of the truth and what lies next to it."""
    span = float(truth.max() - truth.min())
    total = count = 0.0
    made, truth = (ndimage.gaussian_filter(planes, (0, 1, 1)) for planes in (made, truth))
    for one, two in zip(made, truth, strict=True):
        _, score = structural_similarity(  # type: ignore[no-untyped-call]
            one, two, win_size=WINDOW_PX, data_range=span, full=True
        )
        near = ndimage.binary_dilation(two > TISSUE, iterations=3)
        total, count = total + float(score[near].sum()), count + float(near.sum())
    return total / max(count, 1.0)


def would_make(case: Case) -> tuple[Morph, Planes]:
    """Return what every pair would give, were no gate to refuse it."""
    free = replace(plan_morph(case.neighbours, OPEN, tissue_threshold=TISSUE), reason=None)
    return free, np.stack(list(morph_planes(case.neighbours, free, Gates())))


def trial(seed: int) -> Trial:
    """Interpolate one removed slice, and see what refusing it would have saved."""
    case = draw(seed)
    decided = plan_morph(case.neighbours, Gates(), tissue_threshold=TISSUE)
    if decided.reason is None:
        made = np.stack(list(morph_planes(case.neighbours, decided, Gates())))
    else:
        _, made = would_make(case)
    ours = case.likeness(made)
    plain = case.likeness(np.stack(list(average_planes(case.neighbours))))
    is_refused = float(decided.reason is not None)
    found = {"loss": (plain - ours,)}
    if ours < plain:
        found["refused_worse"] = (is_refused,)
    elif case.kind in FIT:
        found["refused_fit"] = (is_refused,)
    if case.kind == "deforming":
        found["gain"] = (ours / plain - 1,)
    if case.kind == "aligned":
        found["accepted_aligned"] = (1 - is_refused,)
    return Trial(
        seed=seed,
        drawn=case.drawn,
        found=found,
        kinds={"anatomy": case.anatomy, "pair": case.kind},
    )


def picture(seed: int) -> Figure:
    """Draw the neighbours, the truth half way, the plain average and what would be made."""
    case = draw(seed)
    decided = plan_morph(case.neighbours, Gates(), tissue_threshold=TISSUE)
    _, made = would_make(case)
    average = np.stack(list(average_planes(case.neighbours)))
    k = (case.between.start + case.between.stop) // 2
    planes = {
        f"before ({case.kind})": case.before[-1],
        "truth": case.truth[k],
        "after": case.after[0],
        f"average, SSIM {case.likeness(average):.2f}": average[k],
        f"ours, SSIM {case.likeness(made):.2f}": made[k],
    }
    figure = Figure(figsize=(12, 3), layout="constrained")
    figure.suptitle(f"seed {seed}, {case.anatomy}: {decided.reason or 'accepted'}")
    for ax, (title, plane) in zip(figure.subplots(1, len(planes)), planes.items(), strict=True):
        ax.imshow(plane, cmap="gray", vmin=0, vmax=float(np.percentile(case.truth, 99.5)))
        ax.set_title(title, fontsize=8)
        ax.axis("off")
    return figure


MEASURE = Measure(
    name="interpolation of a removed slice",
    how="""A slice is taken out between two neighbours (80 to 120 pixels wide, 3 to 8 planes per
cut, neighbours 0.8 to 1.8 cuts deep, 1 to 16 looks, gains that differ by 5 %). 40 % of the pairs
deform: the content turns, shifts and stretches evenly with depth by 1 to 4 % of the side per slice,
and bends by up to 1.5 pixels. 15 % are aligned: only the anatomy changes. In 45 % one neighbour
does not fit: it is of other tissue, of a place 1.5 to 2.5 mm away in a brain of 10 mm, turned by 12
to 60°, shifted by 15 to 35 % of the side, torn, or smeared; half of those pairs do not move, so the
other neighbour is right where it is. Compared is what was made up: planes of the slot that neither
neighbour reaches. Both results are smoothed by one pixel before SSIM with the truth over tissue, as
an average of two planes has less speckle than one, which says nothing about where tissue lies. The
result of a refused pair is what its map would have given. A refusal is false when a pair of the
same tissue, within the bounds of motion, was refused although the result would not be worse than
the plain average. Refusing a neighbour that does not fit is never false: the blend of two planes
that show other tissue is nearer to the one that is nearer, and so often beats the plain average of
both, and is made-up tissue all the same. That nothing is written on refusal is held by a test of
the command.""",
    trial=trial,
    targets=(
        Target(
            label="SSIM above the plain average, deforming pairs, median",
            statistic=quantile("gain", 0.5),
            needs=("gain",),
            sense="at least",
            bound=0.1,
        ),
        Target(
            label="refused, of pairs that would be worse than the average",
            statistic=rate("refused_worse"),
            needs=("refused_worse",),
            sense="at least",
            bound=0.95,
        ),
        Target(
            label="refused falsely",
            statistic=rate("refused_fit"),
            needs=("refused_fit",),
            sense="at most",
            bound=0.05,
        ),
        Target(
            label="aligned neighbours accepted",
            statistic=rate("accepted_aligned"),
            needs=("accepted_aligned",),
            sense="at least",
            bound=1.0,
        ),
    ),
    quick=120,
    full=600,
    picture=picture,
    worst_by="loss",
)
