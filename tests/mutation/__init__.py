"""Mutation of the tables: `python -m tests.mutation` changes one cell after the other and counts the changes that no promise notices."""
