"""Benchmarks: what the system costs and how fast it is, measured beside others. They may not be part of the tests: a slow machine fails nothing."""
