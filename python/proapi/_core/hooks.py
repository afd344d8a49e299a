"""What an application does around its handlers: exception handlers. Fixed when the application first serves."""

from .binding import Site
from .exception_handlers import ExceptionHandlers, Function, Key, answered_refusals


class Hooks:
    """The hooks of one application."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.exception_handlers = ExceptionHandlers()
        self.are_fixed = False

    def __bool__(self) -> bool:
        return bool(self.exception_handlers)

    def add_exception_handler(self, key: Key, function: Function) -> None:
        """As ``ExceptionHandlers.add``. RuntimeError: the application has served."""
        self._refuse_late("exception_handler")
        self.exception_handlers.add(key, function)
        self._site.answer_refusals(answered_refusals(key))

    def _refuse_late(self, what: str) -> None:
        if self.are_fixed:
            raise RuntimeError(f"{what}: expected it before the application first serves, or starts up")
