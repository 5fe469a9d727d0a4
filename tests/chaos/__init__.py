"""The promises of the whole under chaos: real processes killed, stopped and cut off, at random from a seed."""
