"""The pace of accounts."""
