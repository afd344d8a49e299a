"""What every way of serving shares: the engine, and handlers and their calls. Must not know any server."""
