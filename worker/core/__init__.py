"""Every decision of the system, as functions of (job, event, now). It may use the standard library only: no I/O, clock, chance or logging."""
