"""What an application does around its handlers: middleware and exception handlers. Fixed when it first serves."""

from .binding import Site
from .exception_handlers import REFUSAL_STATUSES, ExceptionHandlers, answered_refusals
from .exception_handlers import Function as ExceptionFunction
from .exception_handlers import Key as ExceptionKey
from .middleware_chain import KINDS, Kind, Middleware


class Hooks:
    """The hooks of one application."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.exception_handlers = ExceptionHandlers()
        self.middleware: dict[Kind, list[Middleware]] = {kind: [] for kind in KINDS}
        """The first in a list is the first to see a request."""
        self._is_around_routes = False
        self.are_fixed = False

    def __bool__(self) -> bool:
        return self._is_around_routes or bool(self.exception_handlers) or any(self.middleware.values())

    def add_exception_handler(self, key: ExceptionKey, function: ExceptionFunction) -> None:
        """As ``ExceptionHandlers.add``. RuntimeError: the application has served."""
        self._refuse_late("exception_handler")
        self.exception_handlers.add(key, function)
        self._site.answer_refusals(answered_refusals(key))

    def add_middleware(self, middleware: Middleware, kinds: tuple[Kind, ...]) -> None:
        """Adds a middleware behind the others. RuntimeError: the application has served."""
        self._refuse_late("middleware")
        for kind in kinds:
            self.middleware[kind].append(middleware)
        if "http" in kinds:  # it sees what the engine answers by itself
            self._site.answer_refusals(REFUSAL_STATUSES)
            self._site.pass_files_to_application()

    def note_middleware_of_routes(self) -> None:
        """A route has middleware of its own, from its router. RuntimeError: the application has served."""
        self._refuse_late("include_router: a router with middleware")
        self._is_around_routes = True

    def _refuse_late(self, what: str) -> None:
        if self.are_fixed:
            raise RuntimeError(f"{what}: expected it before the application first serves, or starts up")
