"""ProAPI under another ASGI server."""

from .exchange import Message as Scope
from .exchange import Receive, Send
from .front import AsgiFront

__all__ = ["AsgiFront", "Receive", "Scope", "Send"]
