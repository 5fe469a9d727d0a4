"""The demonstration: one job's way from a headshot to a conversation, shown as it goes. It may not submit anything where money would be spent."""

from rich.console import Console

from scheduler.stack.journey import Glance, Journey, NotEnqueuedError
from scheduler.stack.screen import Screen, outcome


async def demonstrate(web: str, token: str | None, headshot: str) -> bool:
    """Enqueue `headshot` at the API at `web`, and show the job until it is over. Whether it came to a conversation."""
    console = Console()
    last: Glance | None = None
    async with Journey(web, token) as journey:
        try:
            job = await journey.enqueue(headshot)
        except NotEnqueuedError as error:
            console.print(f"The demonstration ends here: {error}", markup=False, highlight=False, soft_wrap=True)
            return False
        with Screen(console) as screen:
            async for last in journey.follow(job):
                screen.show(last)
    console.print(outcome(last), markup=False, highlight=False, soft_wrap=True)
    return last is not None and last.conversation_url is not None


def how_to_enqueue(web: str, *, needs_token: bool) -> str:
    """Why nothing was submitted, and how to do it on purpose."""
    token = ' -H "Authorization: Bearer $REPLICAS_API_TOKEN"' if needs_token else ""
    return (
        "A Tavus key is set, so the demonstration submits nothing: a training costs money. To spend it on purpose:\n"
        f"  curl {web}/v1/jobs{token} -H 'Content-Type: application/json' "
        '-d \'{"replica": {"train_image_url": "https://...", "voice_name": "anna"}, "conversation": {"start": "on_ready"}}\'\n'
        "Unset TAVUS_API_KEY to see the demonstration on a small Tavus of our own."
    )
