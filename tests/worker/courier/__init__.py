"""Callers are told, by a courier over a real ledger and real HTTP."""
