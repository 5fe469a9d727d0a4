"""A caller's own server: takes what it is told, once each, and only from who knows the secret. It needs nothing but standardwebhooks."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["WEBHOOK_SECRET"])  # as `replicas notifications secret show` prints it
known: set[str] = set()  # keep these where you keep your orders: what is told twice has the same id


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 once it has a notification, and 401 to whoever does not know the secret."""

    def do_POST(self) -> None:
        """Verify the signature and its time, over the very bytes that came."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            told = webhook.verify(body, dict(self.headers))
        except WebhookVerificationError:
            self.answer(401)
            return
        if self.headers["webhook-id"] not in known:
            known.add(self.headers["webhook-id"])
            print(told["type"], told["data"]["job_id"], told["data"]["what_to_do"], flush=True)  # noqa: T201 - your own work goes here
        self.answer(204)  # soon: after ten seconds it counts as not delivered

    def answer(self, status: int) -> None:
        """Without a body: nobody reads it."""
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Receiver).serve_forever()
