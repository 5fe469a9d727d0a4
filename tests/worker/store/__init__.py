"""What the ledger promises, on SQLite and on PostgreSQL alike."""
