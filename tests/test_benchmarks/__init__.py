"""The benchmarks in small, so that they do not rot. What they measure here means nothing."""
