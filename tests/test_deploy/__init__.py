"""Tests of the files in `deploy/`: each under its own tool, and all of them against the one truth that they repeat."""
