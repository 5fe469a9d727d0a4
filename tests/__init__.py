"""Tests: the tree mirrored, and the sandbox that they run against."""
