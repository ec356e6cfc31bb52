"""Who made linumpy, and how a release and a commit are written."""

AUTHORS = "The linumpy developers"
UNKNOWN = "unknown"
"""Commit of a package that was built outside a checkout, by a tool that did not say it."""
SHORT = 10
"""Digits of a commit that people read."""


def short_commit(found: str) -> str:
    """Return a commit as people read it.

    Examples
    --------
    >>> short_commit("28679d8f00aa11bb22cc33dd44ee55ff66aa77bb-dirty"), short_commit("unknown")
    ('28679d8f00-dirty', 'unknown')
    """
    digits, dash, dirty = found.partition("-")
    return f"{digits[:SHORT]}{dash}{dirty}"
