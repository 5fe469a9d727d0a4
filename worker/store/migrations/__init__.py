"""Alembic's migrations of the ledger. They may only add (expand), and take away what no running version uses any more (contract)."""
