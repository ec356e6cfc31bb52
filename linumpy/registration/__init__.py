"""How one plane lies on another."""
