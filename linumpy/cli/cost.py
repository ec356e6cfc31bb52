"""What a run of a command cost: memory held, bytes written."""

from pathlib import Path


def peak_bytes() -> int:
    """Return the most memory that this process has held."""
    import resource  # noqa: PLC0415  --help stays light

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def bytes_of(path: Path) -> int:
    """Return the size of a file, or of all files below a folder; 0 where there is nothing."""
    if path.is_dir():
        return sum(bytes_of(part) for part in path.iterdir())
    return path.stat().st_size if path.exists() else 0
