"""Value types that every room speaks in; no files, no algorithms."""
