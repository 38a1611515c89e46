"""The relay of the fault kit, which a test can make misbehave."""

from consumers.chaos.proxy import Mode, Proxy

__all__ = ["Mode", "Proxy"]
