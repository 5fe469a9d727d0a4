"""The HTTP way in, tested as a client meets it."""
