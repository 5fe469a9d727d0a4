"""What a reader can do about a job, and how it is said: as a request over HTTP, or as a command. It may not judge what is possible."""

from enum import Enum, StrEnum


class How(StrEnum):
    """Which way the reader acts."""

    HTTP = "http"
    COMMAND = "command"


class Act(Enum):
    """One thing that can be done: what it does, and how it is done each way."""

    CANCEL = "Cancel it", "POST /v1/jobs/{job_id}/cancel", "replicas cancel {job_id}"
    RELEASE = "Let it go on, once what held it is mended", "POST /v1/jobs/{job_id}/release", "replicas release {job_id}"
    ABANDON = "Give it up", "POST /v1/jobs/{job_id}/abandon", "replicas abandon {job_id}"
    RETRY = "Try it again as it is", "POST /v1/jobs/{job_id}/retry with {{}}", "replicas retry {job_id}"
    RETRY_ANEW = (
        "Try it again with new input",
        "POST /v1/jobs/{job_id}/retry with the new fields",
        "replicas retry {job_id} --image URL, or --video URL",
    )
    OPEN = "Have its conversation", "POST /v1/jobs/{job_id}/conversation", "replicas open {job_id}"
    END = (
        "End its conversation, which bills until then",
        "POST /v1/jobs/{job_id}/conversation/end",
        "replicas end {job_id}",
    )
    DELETE = "Delete its replica", "DELETE /v1/jobs/{job_id}/replica", "replicas delete {job_id}"
    RESUME = (
        "Resume the account, once that is mended",
        "POST /v1/accounts/{account}/resume",
        "replicas accounts resume {account}",
    )

    def __init__(self, what: str, http: str, command: str) -> None:
        self.what = what
        self._ways = {How.HTTP: http, How.COMMAND: command}

    def said(self, how: How, **about: str) -> str:
        """As a sentence. `about`: the job, or the account."""
        return f"{self.what}: {self._ways[how].format(**about)}."
