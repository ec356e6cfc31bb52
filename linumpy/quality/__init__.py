"""How good a slice is, and which ones to leave out."""
