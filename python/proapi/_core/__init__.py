"""What every way of serving shares: the engine, handlers and how they are called. Knows no server."""
