"""Upgrades: the code of the previous release and this one at work on one ledger. `previous.whl` is that code, for a checkout may have no history."""
