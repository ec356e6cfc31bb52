"""Simulated acquisitions whose truth is known."""
