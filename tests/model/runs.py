"""Running the machine: a number of runs against one server, from one seed."""

from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Machine
from tests.model.real import Real

#: Events in one run: enough for a job to be lost, parked, replayed and lost again.
STEPS = 60


@dataclass(frozen=True)
class Done:
    """How much was tried; `failure` is the shortened program that broke the promise."""

    transitions: int
    failure: AssertionError | None = None


def run_machine(
    url: str,
    *,
    runs: int,
    from_seed: int | None = None,
    keeps_failures: bool = False,
    shortens: bool = True,
) -> Done:
    """Carry out *runs* runs of `STEPS` events; the same seed draws the same events.

    Without *from_seed* each call draws others. A failure is shortened before it is
    answered, if it *shortens*; with *keeps_failures* it is tried first the next time.
    """
    phases = {Phase.generate}
    phases |= ({Phase.shrink} if shortens else set()) | ({Phase.reuse} if keeps_failures else set())
    plan = settings(
        max_examples=runs,
        stateful_step_count=STEPS,
        deadline=None,
        database=settings.default.database if keeps_failures and settings.default else None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
        phases=tuple(phases),
    )
    with Real(url) as real:

        class ThisMachine(Machine):
            """With a server of its own, and its own count."""

        ThisMachine.real, ThisMachine.steps = real, [0]
        machine = seed(from_seed)(ThisMachine) if from_seed is not None else ThisMachine
        try:
            run_state_machine_as_test(machine, settings=plan)
        except AssertionError as failure:
            return Done(ThisMachine.steps[0], failure)
        return Done(ThisMachine.steps[0])
