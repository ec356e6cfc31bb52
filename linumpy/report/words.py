"""Codes, numbers and sizes in the words of a reader."""

from collections.abc import Mapping

from linumpy.core.fate import Fate

FATE_MEANING: Mapping[Fate, str] = {
    "measured": "its own voxels are in the volume",
    "interpolated": "its slot is filled from its neighbours",
    "excluded": "left out by a decision",
    "gap": "its slot is empty",
    "failed": "a stage could not process it",
}
REASONS: Mapping[str, str] = {
    "calibration_slice": "calibration slice, thicker than the others or first by request",
    "not_acquired": "never acquired: no raw tile has this id",
    "not_in_config": "the given slice_config has no row for it",
    "not_selected": "left out by --slices",
    "no_shift": "no stage shift names it; placed like its predecessor",
    "low_overlap_ncc": "the neighbours' facing planes do not look alike",
    "no_foreground_planes": "the neighbours' facing planes hold too little tissue",
    "registration_exception": "registration of the neighbours broke off",
    "reg_did_not_improve": "registration did not bring the neighbours closer",
    "affine_determinant_non_positive": "registration would have mirrored the tissue",
}
MINUTE, HOUR = 60.0, 3600.0


def explain(code: str) -> str:
    """Return a code of the record with its meaning; unknown text comes back as it is.

    Examples
    --------
    >>> explain("not_selected"), explain("torn while cutting")
    ('left out by --slices', 'torn while cutting')
    """
    return REASONS.get(code.strip(), code.strip())


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with a fixed count of decimals and a true minus sign; a dash for none.

    Examples
    --------
    >>> number(-1.234), number(None), number(-0.001)
    ('−1.23', '–', '0.00')
    """
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def plain(value: float) -> str:
    """Return a number with four significant digits, for tables of unlike things."""
    return f"{value:.4g}".replace("-", "−")


def duration(seconds: float | None) -> str:
    """Return a time as a person says it.

    Examples
    --------
    >>> duration(3.21), duration(75), duration(7384)
    ('3.2 s', '1 min 15 s', '2 h 03 min')
    """
    if seconds is None:
        return "–"
    if seconds < MINUTE:
        return f"{seconds:.1f} s"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min {int(seconds % MINUTE):02d} s"
    return f"{int(seconds // HOUR)} h {int(seconds % HOUR // MINUTE):02d} min"


def size(n_bytes: float | None) -> str:
    """Return a size in decimal units.

    Examples
    --------
    >>> size(812), size(3_400_000), size(2.4e9)
    ('812 B', '3.4 MB', '2.4 GB')
    """
    if n_bytes is None:
        return "–"
    for unit, power in (("TB", 12), ("GB", 9), ("MB", 6), ("kB", 3)):
        if n_bytes >= 10**power:
            return f"{n_bytes / 10**power:.1f} {unit}"
    return f"{n_bytes:.0f} B"


def ids(found: list[str], *, at_most: int = 12) -> str:
    """Return slice ids as a list that does not fill the page.

    Examples
    --------
    >>> ids(["03"]), ids(["01", "02", "03"], at_most=2)
    ('slice 03', 'slices 01, 02 and 1 more')
    """
    word = "slice" if len(found) == 1 else "slices"
    shown = ", ".join(found[:at_most])
    more = f" and {len(found) - at_most} more" if len(found) > at_most else ""
    return f"{word} {shown}{more}"
