"""The promises of the whole, kept by its real parts: broker, workers and beats as processes, and a Tavus that answers over HTTP."""
