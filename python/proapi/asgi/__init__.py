"""ProAPI under another ASGI server."""

from .front import AsgiFront, Receive, Scope, Send

__all__ = ["AsgiFront", "Receive", "Scope", "Send"]
