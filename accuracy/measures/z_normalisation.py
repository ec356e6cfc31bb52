"""Brightness steps between slices: what is left of them; is the trend of the anatomy kept."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import ndimage

from accuracy.anatomy import draw_scene
from accuracy.measure import Measure, Target, Trial, Values
from accuracy.statistics import quantile
from linumpy.core.slice_id import SliceId
from linumpy.stack.blend import Layer, Overlap, Share, find_overlaps, share_planes
from linumpy.stack.overlap import Agreement, measure_agreement
from linumpy.stack.pose import Pose, Source
from linumpy.stack.sections import Sections, seam_ratios
from linumpy.stack.volume import Positioned, stack_block
from linumpy.stack.znorm import Brightness, Ratio, plane_factors, solve_gains

Planes = NDArray[np.float32]
Numbers = NDArray[np.float64]
TISSUE = 0.2
WIDTH_MM = 10.0
VOXELS = 32
"""Voxels of a volume that one voxel here stands for: sections of 10 mm are 48 to 72 voxels wide."""
MIN_TISSUE = 600
"""Tissue voxels per plane below which a section has no brightness to speak of."""
BOUNDS = (0.5, 2.0)
"""Limits of a factor, the command's defaults."""


@dataclass(frozen=True)
class Case:
    """A stack whose slices were imaged with gains of their own, and what it should look like.

    ``level`` is the planted brightness of every plane of the stack; 1 where it is right;
    ``log_gain`` is that of every slice.
    """

    truth: Planes
    stack: Planes
    level: Numbers
    log_gain: Numbers
    sections: Sections
    drawn: dict[str, float]
    anatomy: str

    @property
    def owner(self) -> NDArray[np.intp]:
        """The section that shows most in every plane."""
        return np.array([max(plane, key=lambda i: plane[i]) for plane in self.sections.shares])


def draw(seed: int) -> Case:
    """Draw the anatomy and its trend, the cut, the gains and the loss in depth."""
    rng = np.random.default_rng([seed, 83])
    n, interval = round(np.exp(rng.uniform(np.log(4), np.log(60)))), int(rng.integers(3, 7))
    overlap = int(rng.choice(4, p=[0.1, 0.3, 0.3, 0.3]))
    drawn = {
        "n_slices": float(n),
        "overlap_planes": float(overlap),
        "interval_per_width": float(rng.uniform(0.01, 0.04)),
        "gain_sigma": float(rng.uniform(0.02, 0.15)),
        "drift_per_slice": float(rng.uniform(0, 0.015)),
        "depth_loss": float(rng.normal(0, 0.025)),
        "looks": float(np.exp(rng.uniform(0, np.log(16)))),
        "trend": float(rng.uniform(0.1, 0.3)),
        "coverage": float(rng.uniform(0.5, 1.0)),
    }
    truth, name = _anatomy(rng, n * interval + overlap, interval, drawn)
    gains = drawn["gain_sigma"] * rng.normal(size=n)
    gains = np.clip(gains + np.cumsum(drawn["drift_per_slice"] * rng.normal(size=n)), -0.5, 0.5)
    depth = (np.arange(interval + overlap) + 0.5) / interval
    levels = np.exp(gains[:, None] - drawn["depth_loss"] * (depth - 0.5))
    placed, overlaps, shares = _cut(rng, truth, levels, interval, drawn["looks"])
    whole = tuple(slice(0, size) for size in truth.shape)
    stack = stack_block(placed, shares, (whole[0], whole[1], whole[2])).voxels
    own = {one.layer.slice_id: levels[i] for i, one in enumerate(placed.values())}
    level = [sum(s.weight * own[s.layer.slice_id][s.plane] for s in plane) for plane in shares]
    return Case(
        truth, stack, np.array(level), gains, _sections(placed, overlaps, shares), drawn, name
    )  # fmt: skip


def _anatomy(
    rng: np.random.Generator, depth: int, interval: int, drawn: dict[str, float]
) -> tuple[Planes, str]:
    """Return tissue whose brightness changes slowly along the cut."""
    step = drawn["interval_per_width"] * WIDTH_MM / interval
    side = int(rng.integers(48, 73))
    scene = draw_scene(
        rng, (depth * step, WIDTH_MM, WIDTH_MM), finest_um=600.0, coverage=drawn["coverage"]
    )
    z, line = (np.arange(depth) + 0.5) * step, (np.arange(side) + 0.5) * WIDTH_MM / side
    still = scene.at(z[:, None, None], line[None, :, None], line[None, None, :])
    slow = ndimage.zoom(rng.normal(size=5), depth / 5, order=3, mode="nearest")[:depth]
    slow = np.resize(slow, depth)
    trend = np.exp(drawn["trend"] * (slow - slow.mean()) / max(float(slow.std()), 1e-6))
    return np.maximum(still * trend[:, None, None], 0.02).astype(np.float32), scene.name


def _cut(
    rng: np.random.Generator, truth: Planes, levels: Numbers, interval: int, looks: float
) -> tuple[dict[SliceId, Positioned], dict[SliceId, Overlap], list[list[Share]]]:
    """Cut the tissue into slices, image each with its level and speckle, and lay them out."""
    n, depth = levels.shape
    placed: dict[SliceId, Positioned] = {}
    for k in range(n):
        tissue = truth[k * interval : k * interval + depth]
        speckle = rng.gamma(looks * VOXELS, 1 / (looks * VOXELS), tissue.shape)
        voxels = (tissue * levels[k][:, None, None] * speckle).astype(np.float32)
        source = Source((len(voxels), *truth.shape[1:]), partial(_read, voxels))
        slice_id = SliceId(k)
        layer = Layer(slice_id, k * interval, depth)
        placed[slice_id] = Positioned(layer, source, Pose(np.eye(2), np.zeros(2)))
    layers = [one.layer for one in placed.values()]
    overlaps = find_overlaps(layers)
    return placed, overlaps, share_planes(layers, overlaps, len(truth))


def _read(voxels: Planes, block: tuple[slice, slice, slice]) -> Planes:
    return voxels[block]


def _sections(
    placed: dict[SliceId, Positioned],
    overlaps: dict[SliceId, Overlap],
    shares: list[list[Share]],
) -> Sections:
    """Compare neighbours as stacking does."""
    ids = list(placed)
    sides = next(iter(placed.values())).source.shape[1:]
    window = (slice(0, sides[0]), slice(0, sides[1]))
    ratios = []
    for i in range(1, len(ids)):
        found: Agreement = measure_agreement(
            placed[ids[i - 1]],
            placed[ids[i]],
            overlaps[ids[i]],
            [window],
            tissue_threshold=TISSUE,
        )
        if found.n_voxels:
            ratios.append(Ratio(i - 1, i, found.log_ratio, found.log_ratio_sigma))
    index = {slice_id: i for i, slice_id in enumerate(ids)}
    weights = [{index[s.layer.slice_id]: s.weight for s in plane} for plane in shares]
    starts = [one.layer.start for one in placed.values()]
    return Sections([str(i) for i in ids], starts, weights, ratios)


def normalise(case: Case) -> tuple[Brightness, NDArray[np.float32]]:
    """Return the gains, and the factor of every plane, as the command finds them."""
    _, rows, columns = case.stack.shape
    seams = seam_ratios(
        case.sections,
        partial(_read, case.stack),
        [(slice(0, rows), slice(0, columns))],
        tissue_threshold=TISSUE,
    )
    found = solve_gains(len(case.sections.names), [*case.sections.ratios, *seams])
    return found, plane_factors(
        case.sections.shares, case.sections.starts, found, strength=1.0, bounds=BOUNDS
    )


def steps(case: Case, found: Brightness) -> Numbers:
    """Return, as a share, what is left of the step where a slice meets the next.

    There both show the same tissue, one at the bottom of its section and the other at its top.
    """
    planted = np.diff(case.log_gain) + case.drawn["depth_loss"]
    taken = np.diff(found.log_gain) + found.depth_loss
    owner = case.owner
    least = [
        min(np.count_nonzero(plane > TISSUE) for plane in case.truth[owner == i])
        for i in range(len(case.sections.names))
    ]
    both = np.minimum(least[1:], least[:-1]) >= MIN_TISSUE
    return np.abs(np.expm1((planted - taken)[both]))


def profile(planes: Planes, truth: Planes, factors: NDArray[np.floating]) -> Numbers:
    """Return the mean brightness of the truth's tissue in every plane."""
    return np.array(
        [
            float(f) * float(plane[tissue > TISSUE].mean()) if (tissue > TISSUE).any() else np.nan
            for plane, tissue, f in zip(planes, truth, factors, strict=True)
        ]
    )


def trial(seed: int) -> Trial:
    """Normalise one stack."""
    case = draw(seed)
    (found, factors), ones = normalise(case), np.ones(len(case.truth))
    true = profile(case.truth, case.truth, ones)
    ours = profile(case.stack, case.truth, factors)
    perfect = profile(case.stack, case.truth, 1 / case.level)
    seen = np.isfinite(true)
    left = steps(case, found)
    deviation = {name: _deviation(of[seen]) for name, of in (("true", true), ("ours", ours))}
    best = _deviation(perfect[seen])
    return Trial(
        seed=seed,
        drawn=case.drawn,
        found={
            "gain_step": tuple(left.tolist()),
            "true_trend": tuple(deviation["true"].tolist()),
            "trend": tuple(deviation["ours"].tolist()),
            "worst": (float(np.abs(deviation["true"] - deviation["ours"]).max()),),
        },
        oracle={
            "gain_step": tuple(np.zeros_like(left).tolist()),
            "true_trend": tuple(deviation["true"].tolist()),
            "trend": tuple(best.tolist()),
        },
        kinds={"anatomy": case.anatomy},
    )


def _deviation(brightness: Numbers) -> Numbers:
    logarithm = np.log(brightness)
    centred: Numbers = logarithm - logarithm.mean()
    return centred


def correlation(values: Values) -> float:
    """Return the correlation of the trends over all planes of all stacks."""
    true, ours = values["true_trend"], values["trend"]
    return float(np.corrcoef(true, ours)[0, 1]) if true.size > 2 else np.nan


def picture(seed: int) -> Figure:
    """Draw the brightness along the cut, and a section through the stack before and after."""
    case = draw(seed)
    (_, factors), ones = normalise(case), np.ones(len(case.truth))
    figure = Figure(figsize=(9, 6), layout="constrained")
    top, *below = figure.subplot_mosaic("AAA;BCD", height_ratios=[1, 1]).values()
    for name, planes, scale in (
        ("truth", case.truth, ones),
        ("stack", case.stack, ones),
        ("normalised", case.stack, factors),
    ):
        top.plot(profile(planes, case.truth, scale), label=name, lw=1)
    top.set(xlabel="plane", ylabel="mean of tissue", title=f"seed {seed}, {case.anatomy}")
    top.legend()
    middle = case.truth.shape[1] // 2
    views = (case.truth, case.stack, case.stack * factors[:, None, None])
    for ax, planes, title in zip(below, views, ("truth", "stack", "normalised"), strict=True):
        ax.imshow(planes[:, middle], cmap="gray", vmin=0, vmax=1.5, aspect="auto")
        ax.set(title=title, xticks=[], ylabel="plane")
    return figure


MEASURE = Measure(
    name="z-normalisation",
    how="""A stack of 4 to 60 slices is made of tissue whose brightness changes slowly along the cut
(a trend of 10 to 30 %, beside what the anatomy does by itself). Every slice has a gain of its own
(spread 2 to 15 %, with a random drift of up to 1.5 % per slice), loses brightness with depth
(spread 2.5 % per section, as is left after the compensation of attenuation), and speckle; slices
overlap by 0 to 3 planes. Neighbours are compared, stacked and normalised by the functions that the
commands call. The gain step is what is left where a slice meets the next and both show the same
tissue; it is taken from the planted gains and those found, so speckle does not enter it. Where a
plane has fewer than 600 voxels of tissue there is no brightness to speak of, and the step is left
out. The trend is the ln of the mean brightness of tissue in every plane, minus its mean over the
stack; the correlation is over all planes of all stacks. Ratios of neighbours cannot tell a loss in
depth from gains that climb evenly from slice to slice: short stacks whose gains climb by chance
keep a slow ramp of 1 to 2 % per slice, and no method that has only the slices can take it out. The
oracle divides by the planted brightness: what is missing there to 1 is speckle.""",
    trial=trial,
    targets=(
        Target(
            label="gain step between slices, p95",
            statistic=quantile("gain_step", 0.95),
            needs=("gain_step",),
            sense="at most",
            bound=0.02,
        ),
        Target(
            label="correlation of the trend with the truth",
            statistic=correlation,
            needs=("trend", "true_trend"),
            sense="at least",
            bound=0.98,
        ),
    ),
    quick=60,
    full=300,
    picture=picture,
    worst_by="worst",
)
