"""The HTTP way in: enqueue, look, act, and Tavus' callbacks. It may not decide; it translates between HTTP and the engine."""

from worker import loading  # isort: split

from scheduler.api.app import create_app

loading.is_over()

__all__ = ["create_app"]
