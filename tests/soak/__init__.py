"""The soak: the running system under load and a faulty Tavus for hours, to see what grows. It may not be part of the tests: it takes hours."""
