"""Serving over the engine's own sockets: ``app.run``, ``app.serve``, ``app.serving``, worker processes."""
