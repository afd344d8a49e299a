"""``Jinja2Templates``: HTML from Jinja templates, with Starlette's names. The extra ``templates`` has Jinja.

Imported only by programs that use it.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any

import jinja2

from .background import BackgroundTask, BackgroundTasks
from .request import Request
from .response import HTMLResponse


class Jinja2Templates:
    """The templates of one or more directories. Values are escaped in files that end with .html, .htm or .xml."""

    def __init__(
        self,
        directory: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None = None,
        *,
        env: jinja2.Environment | None = None,
    ) -> None:
        """Finds the directories.

        Args:
            directory: Where the templates are; of several directories, the first that has a template.
            env: An environment of your own, instead of ``directory``.

        Raises:
            TypeError: Both or neither were given.
            ValueError: A directory does not exist.
        """
        if (directory is None) == (env is None):
            raise TypeError("Jinja2Templates: expected either directory or env")
        if env is None:
            given = [directory] if isinstance(directory, (str, os.PathLike)) else list(directory or ())
            for each in given:
                if not os.path.isdir(each):
                    raise ValueError(f"Jinja2Templates: expected a directory, got {os.fspath(each)!r}")
            loader = jinja2.FileSystemLoader(given)
            env = jinja2.Environment(loader=loader, autoescape=jinja2.select_autoescape())
        self.env = env
        env.globals.setdefault("url_for", _url_for)

    def get_template(self, name: str) -> jinja2.Template:
        """Returns a template. ``jinja2.TemplateNotFound``: there is none of that name."""
        return self.env.get_template(name)

    def TemplateResponse(
        self,
        request: Request,
        name: str,
        context: Mapping[str, Any] | None = None,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
        background: BackgroundTask | BackgroundTasks | None = None,
    ) -> HTMLResponse:
        """Renders a template, at once and whole.

        Args:
            request: The request; the template has it as ``request``, and ``url_for(name, ...)`` for its routes.
            name: The template's name, relative to its directory.
            context: The template's variables.
            status_code: As for ``Response``, like the rest.
            headers: As for ``Response``.
            media_type: As for ``Response``.
            background: As for ``Response``.

        Returns:
            The response.

        Raises:
            jinja2.TemplateError: There is no such template, or it fails.
        """
        text = self.get_template(name).render({**(context or {}), "request": request})
        return HTMLResponse(text, status_code, headers, media_type, background=background)


@jinja2.pass_context
def _url_for(context: jinja2.runtime.Context, name: str, /, **path_params: Any) -> str:
    request: Request = context["request"]
    return request.url_for(name, **path_params)
