"""What the core promises: decisions tried on real values, one by one and in long random lives."""
