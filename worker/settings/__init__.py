"""Every setting, read once at the entry point into one frozen object and handed down. Nothing else in `worker` may read the environment.

Wrong settings stop the program at start with the variable's name. Durations are written `30s`, `3h30m`, `0.5s`.
"""

from worker.settings.environment import DEFAULT_ACCOUNT, SettingsError, environment
from worker.settings.whole import Settings, read_settings

__all__ = ["DEFAULT_ACCOUNT", "Settings", "SettingsError", "environment", "read_settings"]
