"""The board over HTTP, as a browser would ask; what a browser makes of it is in `tests/browser`."""
