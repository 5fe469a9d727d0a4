"""The HTTP way in: enqueue, look, act, and Tavus' callbacks. It may not decide; it translates between HTTP and the engine."""

from scheduler.api.app import create_app

__all__ = ["create_app"]
