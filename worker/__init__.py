"""Does the work: everything that talks to Tavus, and the ledger it keeps. It may not decide when: that is `scheduler`.

Who may import whom, checked by `lint-imports` (pyproject.toml):

    core <- {tavus, store, preflight} <- engine <- tasks <- scheduler

`core` is pure. `tavus` alone talks to Tavus, `store` alone speaks SQL. Entry points read settings and hand them down.
"""
