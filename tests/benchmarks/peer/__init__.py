"""The same job on DBOS, durable execution as a library over PostgreSQL: a workflow that submits, sleeps and looks, and opens the conversation.

It imports nothing of ours. Written as its manual has it: asynchronous workflows, so that thousands may sleep at once; a step for each call; a queue
to enqueue from outside. Every step and every sleep is one row, which is what makes it durable.
"""
