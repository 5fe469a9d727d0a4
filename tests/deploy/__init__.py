"""What lies in deploy/ is what its own tools take for right."""
