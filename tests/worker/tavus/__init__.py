"""What the room that talks to Tavus promises, over real HTTP: against the sandbox, and where that cannot go wrong enough, against a script."""
