"""The board: pages on which people see their jobs, and act on those that are held. It may not decide anything, nor know a caller by itself."""
