"""What each room of the worker promises, in a tree that mirrors it."""
