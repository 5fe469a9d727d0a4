"""Everything that talks to Tavus, and nothing else does. It may not decide: effects come in, events go out."""
