"""Signs what is sent to callers, as Standard Webhooks has it. It may not keep a secret, nor send anything."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from standardwebhooks import Webhook


def signed(message: str, now: datetime, body: str, secrets: Sequence[str]) -> Mapping[str, str]:
    """The headers for a body: a signature for each secret that is valid, and the time of this attempt, which receivers want to be recent."""
    signatures = (Webhook(secret).sign(msg_id=message, timestamp=now, data=body) for secret in secrets)
    return {"webhook-id": message, "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": " ".join(signatures)}
