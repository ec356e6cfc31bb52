"""Corrections of tiles and slices, and what the stage did: arrays and values in and out."""
