"""Decides when: every way in, and the clock. It may not talk to Tavus or speak SQL: the worker's rooms do."""
