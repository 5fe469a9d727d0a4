"""How fast each Tavus account is asked: one budget, one pause and one breaker for all workers of all processes. It may not know what a call is about.

`pacer` is what others may ask, `pace` keeps it; `book` is the algorithm over one process' memory, `shared.lua` the same over Redis,
and a test holds the two together.
"""
