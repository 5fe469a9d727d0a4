"""Tests of the embedded stack, with real processes: a real Valkey, real shells, small real parts."""
