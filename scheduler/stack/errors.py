"""The one error of this room. It may not carry a password: whoever raises it masks the address that it quotes."""


class StackError(Exception):
    """The stack cannot start. The text is for the person at the terminal: what happened, why, and what to do next."""
