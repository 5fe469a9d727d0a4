"""Which scope of a token each operation needs: the one table. It may not let in whom it does not name: what is not in it is for the owner alone."""

from collections.abc import Mapping

from worker.store.tokens import Scope

NEEDS: Mapping[tuple[str, str], Scope] = {
    ("POST", "/v1/jobs"): Scope.ENQUEUE,
    ("POST", "/v1/jobs:batch"): Scope.ENQUEUE,
    ("GET", "/v1/jobs"): Scope.READ,
    ("GET", "/v1/jobs/{job_id}"): Scope.READ,
    ("GET", "/v1/jobs/{job_id}/story"): Scope.READ,
    ("GET", "/v1/jobs/{job_id}/explain"): Scope.READ,
    ("GET", "/v1/jobs/{job_id}/events"): Scope.READ,
    ("GET", "/v1/accounts/{account}/voices"): Scope.READ,
    ("GET", "/v1/notifications"): Scope.READ,
    ("POST", "/v1/notifications/{notification_id}/redeliver"): Scope.ENQUEUE,
    ("POST", "/v1/jobs/{job_id}/cancel"): Scope.ENQUEUE,
    ("POST", "/v1/jobs/{job_id}/abandon"): Scope.ENQUEUE,
    ("POST", "/v1/jobs/{job_id}/conversation"): Scope.ENQUEUE,
    ("POST", "/v1/jobs/{job_id}/conversation/end"): Scope.ENQUEUE,
    ("POST", "/v1/jobs/{job_id}/retry"): Scope.ENQUEUE,
    ("DELETE", "/v1/jobs/{job_id}/replica"): Scope.ENQUEUE,
    # What holds a job is mostly its account's, and its owner knows whether it is mended.
    ("POST", "/v1/jobs/{job_id}/release"): Scope.OPERATE,
    ("GET", "/v1/accounts"): Scope.OPERATE,
    ("POST", "/v1/accounts/{account}/resume"): Scope.OPERATE,
    ("GET", "/v1/accounts/{account}/limits"): Scope.OPERATE,
    ("PUT", "/v1/accounts/{account}/limits"): Scope.OPERATE,
    ("PATCH", "/v1/accounts/{account}/limits"): Scope.OPERATE,
    ("GET", "/v1/credits"): Scope.OPERATE,
}
"""By method and path, as the documentation writes them."""
