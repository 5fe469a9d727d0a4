"""Tests of `worker.preflight`, by what they are about."""
