"""The same job as a competent team would write it in a day, with Celery's own means. It imports nothing of ours.

One row a job, one task a step, one message with a countdown for the next look: an exponential backoff from 5 seconds to 10 minutes. Celery's default
pool, two processes for the two cores. What it lacks (a lost answer is paid again, a countdown lives in Redis alone) costs it nothing here.
"""
