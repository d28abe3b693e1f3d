"""Who acts, as entries tell it. The context itself lies beneath everything (supportops/context.py)."""

from supportops.context import SYSTEM, Acting, Actor, ActorType, acting_as, current

__all__ = ["SYSTEM", "Acting", "Actor", "ActorType", "acting_as", "current"]
