"""Tavus' own client against the sandbox. The client lives in a virtual environment of its own (`make .venv-tavus/stamp`), and is never imported."""
