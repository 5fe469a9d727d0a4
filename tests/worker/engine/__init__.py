"""The engine over a real ledger and a sandbox of Tavus over HTTP, in one process and on a clock that tests move."""
