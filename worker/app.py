"""The Celery app: every setting with what it does, why it is so, and where that is documented. It may hold no task and no decision.

A message only says "look at this job now". Losing it, doubling it or flushing Redis costs a few sweeps: so no ETA, no countdown, no canvas and no
result backend (Celery on Redis redelivers a countdown that is longer than the visibility timeout, in a loop: kombu#337, open since 2014).
"""

from typing import Any

from celery import Celery
from celery.signals import setup_logging
from kombu.entity import Queue

from worker import brokers, logs, transport
from worker.brokers import Broker
from worker.settings import Settings

# One queue for each kind of work, called as its task is, so that a flood of one cannot starve another: a worker takes from all of them in turn
# (kombu's round robin), and a team may give any of them workers of its own (`--queues`).
CREATE, SUBMIT, LOOK_UP, POLL = "replicas.create", "replicas.submit", "replicas.look_up", "replicas.poll"
CANCEL = "replicas.cancel"
START_CONVERSATION, OPEN, DELETE, SWEEP = "conversations.start", "conversations.open", "replicas.delete", "scheduler.sweep"
CLEAN_UP, READ_VOICES, LEARN = "replicas.clean_up", "scheduler.read_voices", "scheduler.learn"
CANARY = "scheduler.canary"
RECUR, AUDIT, TIDY, RETAIN = "scheduler.recur", "scheduler.audit", "scheduler.tidy", "scheduler.retain"
DELIVER = "notifications.deliver"
QUEUES = (CREATE, CANCEL, SUBMIT, LOOK_UP, POLL, START_CONVERSATION, OPEN, DELETE, CLEAN_UP, SWEEP, DELIVER)
# Messages about what the ledger holds anyway: what they are about is due, and rung for again when one is lost.
RINGS = (SUBMIT, LOOK_UP, POLL, OPEN, CLEAN_UP, SWEEP, DELIVER)
# What a service sends without naming a queue lands here; it is served too, for otherwise it would lie there unseen.
_FORGOTTEN = "celery"

_SECOND = 1.0


def make_app(settings: Settings) -> Celery:
    """The app, for workers, beat, Flower and whoever enqueues. It opens no connection by itself."""
    transport.register()
    broker = brokers.read(settings.redis_url)
    app = Celery("replicas", broker=broker.url)
    app.conf.update(_messages(broker) | _workers(settings) | (_rabbitmq(broker) if broker.is_rabbitmq else _redis(settings, broker)))
    # One connection more than there are threads: the sweep's.
    app.conf.broker_pool_limit = settings.threads + 1
    setup_logging.connect(_keep_our_logging, weak=False)
    return app


def _keep_our_logging(**_signal: Any) -> None:  # noqa: ANN401 - whatever Celery sends along
    """Celery replaces the root logger's handlers unless somebody listens here (Celery, Signals, setup_logging); ours redact."""
    logs.configure()


def _queue(name: str, broker: Broker) -> Queue:
    """On RabbitMQ a quorum queue, of which each message is on more than one node. Celery, Using RabbitMQ, "Using Quorum Queues"."""
    if broker.is_rabbitmq:
        # Its own routing key: with Celery's default one a message to the default exchange would land in every queue.
        return Queue(name, routing_key=name, queue_arguments={"x-queue-type": "quorum"})
    # Not so on RabbitMQ, which hands a worker without limit what he need not acknowledge.
    return Queue(name, no_ack=name in RINGS)


def _messages(broker: Broker) -> dict[str, Any]:
    return {
        # JSON only: a pickled message would run code of whoever can reach the broker. Celery, Security, "Serializers".
        "task_serializer": "json",
        "accept_content": ["json"],
        # The ledger is the only record; a result that nobody reads is memory in Redis. Celery, Configuration, task_ignore_result.
        "task_ignore_result": True,
        "result_backend": None,
        "task_queues": [_queue(name, broker) for name in (*QUEUES, _FORGOTTEN)],
        "task_default_queue": _FORGOTTEN,
        # The queue is the task's name, whoever sends it. Celery, Routing Tasks.
        "task_routes": {name: {"queue": name} for name in QUEUES}
        | {name: {"queue": SWEEP} for name in (READ_VOICES, LEARN, CANARY, RECUR, AUDIT, TIDY, RETAIN)},
        # A publish is tried twice and then given up: the row is due, and the sweep rings again. Celery, Calling Tasks, "Message
        # Sending Retry"; without a bound a producer hangs while the broker is away (celery#4296).
        "task_publish_retry": True,
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 0.5},
    }


def _workers(settings: Settings) -> dict[str, Any]:
    return {
        # Acknowledge when done: a worker that is killed gives the request of another service back; only rings are never acknowledged. Every task may
        # run twice, so this is safe. Celery, Tasks, acks_late.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        # Take a message only when a thread is free for it: what is prefetched waits behind slow work and its visibility timeout runs.
        # Celery 5.6, worker_disable_prefetch (Redis only); the multiplier is for brokers that do not know it.
        "worker_disable_prefetch": True,
        "worker_prefetch_multiplier": 1,
        # We send no task with an ETA; should somebody else, a worker keeps no more than this in memory. Celery 5.6, worker_eta_task_limit.
        "worker_eta_task_limit": 1000,
        # Enforced by the prefork pool only; with threads the HTTP timeouts bound a task. Celery, Configuration, task_time_limit.
        "task_time_limit": settings.task_limit.total_seconds(),
        # On SIGTERM running tasks may finish: the longest call, and the commit after it. Celery 5.5, soft shutdown.
        "worker_soft_shutdown_timeout": settings.http_timeout.total_seconds() + _SECOND,
        # A worker that starts before its broker waits for it, and one that loses it lets running tasks finish. Celery, Configuration.
        "broker_connection_retry_on_startup": True,
        # For ever, and not for the hour that 100 times take: meanwhile it works from the ledger (`scheduler.silence`). The same place.
        "broker_connection_max_retries": None,
        # An error that it answers with, such as READONLY in a failover or MISCONF on a full disk, is no reason to end: the connection is made anew,
        # and what does not pass is silence. Celery, Configuration, broker_channel_error_retry.
        "broker_channel_error_retry": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        # Celery's own would end the process then; see there. Celery, Configuration, worker_consumer.
        "worker_consumer": "worker.consumer:Consumer",
        # Flower lives on these, and asks workers for them as long as somebody lets it run (Flower, enable_events): without it nobody pays for them.
        # They say which task ran when, and nothing of what it was about. Celery, Monitoring, "Events".
        "worker_send_task_events": False,
        "task_send_sent_event": False,
        # Our own logging redacts; whatever a library prints stays where it was printed. Celery, Configuration, worker_hijack_root_logger.
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
    }


def _redis(settings: Settings, broker: Broker) -> dict[str, Any]:
    return {
        "broker_transport_options": {
            # When Redis hands a message that nobody acknowledged to another worker; the top rung of the ladder in `settings`.
            # Celery, Using Redis, "Visibility timeout". The shortest value of all apps on a broker counts.
            "visibility_timeout": settings.visibility_timeout.total_seconds(),
            # Look for such messages every 5 s and not every 100 s. kombu 5.7, the same page.
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            # One worker at a time does so. Killed meanwhile he keeps all others from it for kombu's 5 minutes; two at once do no harm.
            "unacked_mutex_expire": 10,
            # A worker that has nothing to do wakes for these at once; the others, which stand nowhere else, are never out of Redis unrecorded.
            "wakes": RINGS,
            "socket_keepalive": not settings.redis_url.startswith("redis+socket"),
            # A worker whose connection died without a word notices within half a minute. kombu 5.7, the same page.
            "health_check_interval": 10,
            # A dead connection is an error after 5 s and not silence for ever (celery#8030); longer than BRPOP waits. kombu 5.7, the same page.
            **broker.options({"socket_timeout": 5, "socket_connect_timeout": 3}),
        },
    }


def _rabbitmq(broker: Broker) -> dict[str, Any]:
    return {
        # A connection that died without a word is noticed after two of these. Celery, Configuration, broker_heartbeat.
        "broker_heartbeat": 10,
        # Only Redis knows it; the multiplier above bounds what is taken here.
        "worker_disable_prefetch": False,
        "broker_connection_timeout": 3,
        # A broker that is there and says nothing is an error after 5 s; without these whoever publishes hangs. py-amqp 5.4, Connection.
        "broker_transport_options": {"read_timeout": 5, "write_timeout": 5},
        **({"broker_use_ssl": dict(broker.tls)} if broker.tls is not None else {}),
    }
