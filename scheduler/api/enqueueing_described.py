"""How the routes that create jobs are documented: they take the request as it is, so that FastAPI itself knows nothing of it.

It may not be asked while a request is answered.
"""

from typing import Any

from scheduler.api import documents, examples
from scheduler.api.described import BODY, answer, described
from scheduler.fields import BatchFields, RequestFields

_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key and request are the same job (200, with the job as it is now), whatever happened to the first answer, and while the "
    "first is still on its way; another request under the same key is 422. A string as the IETF's draft writes it (in quotes), or bare. It holds "
    "for ever, and for all ways in: it is the same as `idempotency_key` in the body.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "examples": {"order": {"summary": "The caller's own number of the order", "value": "order-4711"}},
}
_ID = {"job_id": "$response.body#/id"}
_NEXT = [(to, _ID) for to in ("getJob", "getStory", "explainJob", "followJob", "cancelJob", "startConversation", "deleteReplica")]
_PLACE = {"Location": "Where the job is."}


def _taking(fields: type[RequestFields | BatchFields], example: object, *parameters: dict[str, Any]) -> dict[str, Any]:
    content = {"schema": {"$ref": f"#/components/schemas/{fields.__name__}"}, "examples": {"usual": {"summary": "Usual", "value": example}}}
    return {"requestBody": {"required": True, "content": {"application/json": content}}, "parameters": list(parameters)}


CREATE = described(
    "createJob",
    "Enqueue a job",
    answer(201, "A new job.", documents.Job, examples.NEW_JOB, _NEXT, headers=_PLACE),
    answer(200, "The job that this request has already.", documents.Job, examples.JOB, _NEXT, headers=_PLACE),
    problems=(*BODY, "key-reused"),
    openapi_extra=_taking(RequestFields, examples.REQUEST, _KEY),
)
CREATE_MANY = described(
    "createJobs",
    "Enqueue many jobs",
    answer(200, "What became of each.", documents.Results, examples.RESULTS, [("getJob", {"job_id": "$response.body#/results/0/id"})]),
    problems=BODY,
    openapi_extra=_taking(BatchFields, examples.BATCH),
)
