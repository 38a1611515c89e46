"""From what is known of a job to one answer: where it is, why, and what happens next.

Pure: the same facts, the same answer. `gather` asks for the facts.
"""

from streams.keys import Keys
from streams.server import Server
from streams.state import State
from streams.why.ended import explain_ended, explain_unknown
from streams.why.explanation import Explanation
from streams.why.facts import JobFacts
from streams.why.gather import gather
from streams.why.later import explain_delayed
from streams.why.queued import explain_queued
from streams.why.running import explain_running
from streams.why.waiting import explain_ready


async def why(server: Server, keys: Keys, job_id: str) -> Explanation:
    """Why *job_id* is where it is, from two round trips.

    Raises:
        InvalidJobError: no job can have this id.
    """
    return explain(await gather(server, keys, job_id))


def explain(facts: JobFacts) -> Explanation:
    """The one answer that *facts* give."""
    if not facts.is_known:
        return explain_unknown(facts)
    if facts.state is not None and facts.state.is_end:
        return explain_ended(facts)
    if facts.state is State.QUEUED:
        return explain_queued(facts)
    if facts.state is State.DELAYED:
        return explain_delayed(facts)
    return explain_running(facts) if facts.is_running else explain_ready(facts)
