"""What all commands share: how they are declared, parsed, checked and run."""
