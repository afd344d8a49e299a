"""Jinja2Templates: what is rendered, escaped and refused."""

from pathlib import Path
from typing import Any

import jinja2
import pytest
from carriers import ask
from promises import promise

from proapi import ProAPI, Request
from proapi.templating import Jinja2Templates


@promise("templates")
async def test_a_template_is_rendered_and_its_values_are_escaped(tmp_path: Path) -> None:
    (tmp_path / "hello.html").write_text(
        "<p>{{ name }} at {{ request.path }}: <a href=\"{{ url_for('user', name='a b') }}\">you</a></p>"
    )
    app, templates = ProAPI(), Jinja2Templates(tmp_path)

    @app.get("/")
    async def page(request: Request, name: str) -> Any:
        return templates.TemplateResponse(request, "hello.html", {"name": name}, status_code=201)

    @app.get("/users/{name}")
    async def user(name: str) -> None: ...

    assert await ask("asgi", app, "/?name=%3Cb%3E") == (
        201,
        '<p>&lt;b&gt; at /: <a href="http://a.example/users/a%20b">you</a></p>',
    )


@promise("templates")
async def test_the_first_directory_that_has_it(tmp_path: Path) -> None:
    for folder in ("own", "shared"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "page.html").write_text(folder)
    (tmp_path / "shared" / "only.html").write_text("only here")
    templates = Jinja2Templates([tmp_path / "own", tmp_path / "shared"])
    assert templates.get_template("page.html").render() == "own"
    assert templates.get_template("only.html").render() == "only here"
    with pytest.raises(jinja2.TemplateNotFound):
        templates.get_template("none.html")


@promise("templates")
def test_an_environment_of_ones_own(tmp_path: Path) -> None:
    env = jinja2.Environment(loader=jinja2.DictLoader({"a": "{{ 1 + 1 }}"}))
    assert Jinja2Templates(env=env).get_template("a").render() == "2"
    with pytest.raises(TypeError, match="expected either directory or env"):
        Jinja2Templates()
    with pytest.raises(TypeError, match="expected either directory or env"):
        Jinja2Templates(tmp_path, env=env)
    with pytest.raises(ValueError, match="expected a directory, got"):
        Jinja2Templates(tmp_path / "none")
