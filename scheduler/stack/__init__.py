"""The embedded stack behind `replicas run`: broker, database and the Procfile's processes, kept running on one host.

It may not know what a job is: the demonstration asks over HTTP like anybody else.
"""

from scheduler.stack.broker import running_broker
from scheduler.stack.stack import run

__all__ = ["run", "running_broker"]
