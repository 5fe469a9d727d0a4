"""The whole pipeline in one process under a virtual clock: real engine, real decisions, a small Tavus, and weather. It opens no socket."""
