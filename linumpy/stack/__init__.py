"""Where slices stand, and how they become a volume."""
