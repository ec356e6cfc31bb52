"""Tiles to slices: placement, overlaps, blending."""
