"""What may slow a worker down, as values: no worker is needed to say so."""

from dataclasses import dataclass

from consumers.breaker import BreakerRules
from consumers.budget import BudgetRules


@dataclass(frozen=True, slots=True)
class BrakeRules:
    """The rules of both brakes; None switches one off."""

    breaker: BreakerRules | None
    budget: BudgetRules | None
