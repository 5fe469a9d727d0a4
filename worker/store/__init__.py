"""The ledger: jobs, attempts, stories, accounts, voices. The only place with SQL; it may not decide, and it may not call anybody."""
