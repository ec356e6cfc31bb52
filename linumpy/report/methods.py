"""The methods paragraph of a publication, from what this run did, with which parameters.

A sentence stands here only when the run says that it holds: a stage that was off is not told, a
parameter that is not known leaves its words out. ``{word}`` cites; see `report.references`.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from linumpy.core.fate import Fate
from linumpy.core.slice_id import SliceId
from linumpy.core.software import AUTHORS, UNKNOWN, short_commit
from linumpy.report.contexts import Methods, Nothing
from linumpy.report.evidence import Run, as_number
from linumpy.report.facts import UM_PER_MM, Facts
from linumpy.report.reasons import reason_of
from linumpy.report.references import number_references

_PERCENT = 100
_LIBRARIES = (("NumPy", "numpy"), ("SciPy", "scipy"), ("scikit-image", "skimage"))
_CORRECTED = (
    ("flat_field", "the illumination that all tiles share"),
    ("axial_profile", "the mean depth profile"),
    ("attenuation", "local attenuation"),
)
_TRANSFORMS = {"rigid": "rigid", "similarity": "similarity", "affine": "affine"}


def methods(facts: Facts) -> Methods | Nothing:
    """Return the paragraphs and the references; nothing where run.json or the record is absent."""
    if not facts.evidence.run.parameters or not facts.rows:
        return Nothing("It takes run.json and the record: what was done is not known without them.")
    parts = (acquisition(facts), processing(facts), alignment(facts), slices_told(facts))
    written = (" ".join(part) for part in parts)
    texts, references = number_references(
        (text for text in written if text), {"linumpy": _software(facts.evidence.run)}
    )
    return Methods(texts, references)


def acquisition(facts: Facts) -> Iterator[str]:
    """Yield how the brain was imaged, as the raw headers say."""
    scan, run = facts.evidence.scan, facts.evidence.run
    n = len(scan.ids)
    if not n:
        return
    cut = f", cut {facts.interval_mm * UM_PER_MM:g} µm apart" if facts.interval_mm else ""
    of_brain = f"The brain ({run.subject})" if run.subject else "The brain"
    yield f"{of_brain} was imaged by serial optical coherence tomography in {_count(n)}{cut}."
    if scan.n_tiles:
        field = _by_axes(scan.fov_mm, "mm")
        overlap = _by_axes(_overlaps(facts), "%")
        yield (
            f"In all, {scan.n_tiles} tiles were acquired"
            + (f", each {field}" if field else "")
            + (f", that overlap by {overlap}" if overlap else "")
            + "."
        )
    axial = as_number(run.parameter("axial_resolution")) or scan.axial_um
    lateral = _by_axes(scan.lateral_um, "µm")
    if lateral and axial:
        yield f"The sampling was {lateral} laterally and {axial:g} µm in depth, in tissue."
    yield from _instrument(facts)


def processing(facts: Facts) -> Iterator[str]:
    """Yield how a slice was made of its tiles."""
    run = facts.evidence.run
    libraries = dict(run.versions)
    used = [
        f"{name} {libraries[name.lower()]} {{{word}}}"
        for name, word in _LIBRARIES
        if name.lower() in libraries
    ]
    at = f" at a voxel size of {size:g} µm" if (size := _number(run, "resolution")) else ""
    yield f"The volume was reconstructed with linumpy {_release(run)} {{linumpy}}{at}" + (
        f", by means of {_and(used)}." if used else "."
    )
    if _is_on(run, "detect_galvo"):
        yield _galvo(facts)
    refined = " refined by the masked correlation of their overlaps {padfield}"
    where = "stage positions" if facts.evidence.scan.has_positions else "nominal grid positions"
    yield (
        f"Within a slice, tiles were placed by their {where}"
        + ("," + refined if _is_on(run, "refine_positions") else "")
        + ", and blended with weights that fall towards their borders."
    )
    corrected = [what for name, what in _CORRECTED if _is_on(run, name)]
    if corrected:
        yield f"Intensities were corrected for {_and(corrected)}."
    depth, clip = _number(run, "crop_interface_out_depth"), _number(run, "clip_percentile_upper")
    if depth and clip:
        yield (
            f"Each slice was kept from the surface of the tissue down to {depth:g} µm, and scaled "
            f"so that percentile {clip:g} of its tissue is 1."
        )


def alignment(facts: Facts) -> Iterator[str]:
    """Yield how the slices came to lie upon each other, and in an atlas."""
    run = facts.evidence.run
    yield "Slices were placed by the sum of the stage's shifts."
    if _is_on(run, "detect_rehoming"):
        repaired = [i for i, row in facts.rows.items() if row.get("rehomed")]
        found = f"were found and corrected at {_named(repaired)}" if repaired else "were not found"
        yield f"Jumps of the stage {found}."
    yield from _registration(facts)
    yield from _brightness(run)
    yield "The volume is stored as OME-Zarr {omezarr}."
    fit = facts.evidence.atlas
    if fit is not None:
        kind = _TRANSFORMS.get(fit.transform, fit.transform)
        article = "an" if kind[0] in "aeiou" else "a"
        yield (
            f"It was laid into the atlas {fit.atlas} by {article} {kind} transform that maximises "
            f"mutual information {{maes}}, its axes z, y, x given as {fit.orientation}."
        )


def slices_told(facts: Facts) -> Iterator[str]:
    """Yield how many slices were used, and what became of the others, with reasons."""
    fates = facts.fates
    n, used = len(fates), [i for i, fate in fates.items() if fate == "measured"]
    if len(used) == n:
        what = "The only slice was" if n == 1 else f"All {n} slices were"
        yield f"{what} used; none was excluded or interpolated."
    else:
        yield f"Of {_count(n)}, {len(used)} {'was' if len(used) == 1 else 'were'} used."
        for fate in ("excluded", "interpolated", "gap", "failed"):
            yield from _others(facts, fate)
    if _is_on(facts.evidence.run, "auto_assess_quality"):
        yield (
            "The quality of a slice was scored by structural similarity {wang}, edges and "
            "variance against its neighbours."
        )


def _instrument(facts: Facts) -> Iterator[str]:
    """Yield rates and dates where the instrument wrote them down."""
    scan = facts.evidence.scan
    rate = as_number(scan.header.get("line_rate"))
    if rate:
        yield f"The A-line rate was {rate:g} kHz."
    repeats = as_number(scan.header.get("n_repeat"))
    if repeats and repeats > 1:
        yield f"Each B-scan is the mean of {repeats:g} repeats."
    if scan.dates is not None:
        first, last = scan.dates
        when = f"on {first}" if first == last else f"from {first} to {last}"
        yield f"The acquisition is dated {when}."


def _galvo(facts: Facts) -> str:
    fixed = [i for i, row in facts.rows.items() if row.get("galvo_fix")]
    limit = facts.evidence.run.parameter("galvo_confidence_threshold")
    trust = f" (confidence of at least {limit})" if limit else ""
    found = f"at {_named(fixed)}, and undone" if fixed else "in no slice"
    return f"Mistimed sweeps of the galvanometer were found{trust} {found}."


def _registration(facts: Facts) -> Iterator[str]:
    """Yield how pairs were registered, how many counted, and which were set by hand."""
    evidence, run = facts.evidence, facts.evidence.run
    if evidence.pairs:
        rigid = "rotation and translation" if _is_on(run, "enable_rotation") else "translation"
        start = run.parameter("initial_alignment")
        by_edges = " by the masked correlation of their edges {padfield}"
        yield (
            f"Neighbouring slices were registered in the plane ({rigid}) where both show the same "
            "depth, by Gauss–Newton steps with the mean gradient of both images {benhimane} under "
            "a maximum likelihood weighting of spatial frequencies {knapp}"
            + (f", started{by_edges}" if start == "gradient" else "")
            + (f", started among others{by_edges}" if start == "both" else "")
            + "."
        )
    if evidence.stack:
        counted = [d for d in evidence.stack if d.transform and not d.is_manual]
        n = len(evidence.stack)
        yield (
            f"Of {n} {'pair' if n == 1 else 'pairs'} of neighbours, {len(counted)} counted "
            f"(confidence of at least {facts.confidence_low:g}); with the stage's positions they "
            "entered one robust least-squares problem."
        )
    by_hand = [d.slice_id for d in evidence.stack if d.is_manual]
    if by_hand:
        yield f"How {_named(by_hand)} lies on the slice before was set by hand."


def _brightness(run: Run) -> Iterator[str]:
    yield "Slices were stacked at multiples of the cut interval and blended where they overlap."
    strength = _number(run, "strength")
    if not strength:
        return
    share = "" if strength == 1 else f" {_PERCENT * strength:g} % of"
    against = {
        "overlap": "by comparing slices where both show the same tissue, else across their seam",
        "percentile": f"against the smooth course of percentile {run.parameter('percentile')} of "
        "the tissue over all slices",
    }.get(run.parameter("mode"))
    if against:
        yield f"Then{share} the steps of brightness between slices were taken out {against}."


def _others(facts: Facts, fate: Fate) -> Iterator[str]:
    """Yield one sentence for each reason that slices of a fate share."""
    ids = [i for i, found in facts.fates.items() if found == fate]

    def why(slice_id: SliceId) -> str:
        return reason_of(fate, facts.rows[slice_id]).replace(": ", ", ")

    for reason, group in groupby(sorted(ids, key=why), why):
        same = sorted(group)
        were = "was" if len(same) == 1 else "were"
        name = _named(same).capitalize()
        if fate == "excluded":
            yield f"{name} {were} excluded: {reason}."
        elif fate == "failed":
            yield f"{name} could not be processed: {reason}."
        elif fate == "gap":
            yield f"The place of {_named(same)} was left empty: {reason}."
        else:
            how = {"zmorph": "by morphing one into the other"}
            method = str(facts.rows[same[0]].get("interpolation_method_used") or "")
            their = "its" if len(same) == 1 else "their"
            yield (
                f"{name} {were} interpolated from {their} neighbours "
                f"{how.get(method, f'(method {method})')}: {reason}."
            )


def _overlaps(facts: Facts) -> tuple[float | None, float | None]:
    """Return the share of a tile that its neighbour shows too, per cent, in x and y."""
    scan = facts.evidence.scan
    x, y = (
        round(_PERCENT * (1 - step / width)) if step and width else None
        for step, width in zip(scan.step_mm, scan.fov_mm, strict=True)
    )
    return x, y


def _by_axes(pair: tuple[float | None, float | None], unit: str) -> str:
    """Return two lengths as a × b, two shares as one where they agree; empty when unknown."""
    x, y = pair
    known = [v for v in (x, y) if v is not None]
    if unit == "%":
        shown = dict.fromkeys(f"{v:g} %" for v in known)
        return " and ".join(shown)
    if x is None or y is None:
        return ""
    return f"{x:.4g} × {y:.4g} {unit}"


def _release(run: Run) -> str:
    known = run.commit and run.commit != UNKNOWN
    return run.version + (f" (commit {short_commit(run.commit)})" if known else "")


def _software(run: Run) -> str:
    return f"{AUTHORS}. linumpy, version {_release(run)}. Computer software."


def _is_on(run: Run, name: str) -> bool:
    return run.parameter(name) == "true"


def _number(run: Run, name: str) -> float | None:
    return as_number(run.parameter(name))


def _count(n: int) -> str:
    return f"{n} {'slice' if n == 1 else 'slices'}"


def _named(ids: Iterable[SliceId]) -> str:
    """Return slices by their ids: all of them, since a publication says which.

    Examples
    --------
    >>> _named([SliceId(3)]), _named([SliceId(3), SliceId(4), SliceId(7)])
    ('slice 03', 'slices 03, 04 and 07')
    """
    found = [str(slice_id) for slice_id in ids]
    return f"{'slice' if len(found) == 1 else 'slices'} {_and(found)}"


def _and(parts: list[str]) -> str:
    if len(parts) < 2:  # noqa: PLR2004  one needs no "and"
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
