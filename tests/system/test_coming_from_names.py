"""Every name of ours in the tables of docs/coming-from.md exists.

The names are those of the code spans in the column of ProAPI and, where that says "the same", in the column before it.
Those of Python are parsed and looked up in the package: members, and the keywords of calls. Those of C++ must be words
of the public headers or settings.
"""

import ast
import asyncio
import builtins
import inspect
import io
import keyword
import re
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from system_servers import ROOT

import proapi
from proapi import security, sessions, settings, templating

_PAGE = (ROOT / "docs" / "coming-from.md").read_text()
_SPAN = re.compile(r"`([^`]+)`")
SETTINGS = {*settings.Settings.__annotations__, *settings.RouteSettings.__annotations__}
SETTINGS |= settings.HttpRouteSettings.__annotations__.keys()

# What the variables of the page stand for.
_app = proapi.ProAPI()
VARIABLES: dict[str, Any] = {
    "app": _app,
    "asyncio": asyncio,
    "chat": proapi.Events,
    "file": proapi.UploadFile(io.BytesIO()),
    "proapi": proapi,
    "request": proapi.Request,
    "response": proapi.Response(),
    "router": proapi.Router(),
    "tasks": proapi.BackgroundTasks(),
    "templates": templating.Jinja2Templates,
    "websocket": proapi.WebSocket,
}
# What properties of these return.
MEMBERS = {"client": proapi.Client, "headers": proapi.Headers, "query_params": proapi.QueryParams, "session": dict}
MODULES = (proapi, security, sessions, templating, builtins)
# Names that the reader's program has.
OWN = {"Item", "SomeException", "SomeMiddleware", "call_next", "rooms"}
# Calls whose keywords a span such as `lifespan=` may be.
_CALLS = (proapi.ProAPI, _app.get, _app.include_router, proapi.Response)
# Words of C++ itself, of the standard library, and of the reader's program.
CPP_OWN = {
    "app",
    "auto",
    "co_await",
    "co_return",
    "const",
    "int",
    "std",
    "string",
    "E",
    "T",
    "Task",
    "handler",
    "json",
    "nlohmann",
    "path",
    "rest",
    "users",
    "name",
    "write",
    "limit",
    "host",
    "port",
    "workers",
}


def tables() -> Iterator[tuple[str, str, str]]:
    """Yields the language of ProAPI's column, the cell before it, and its cell."""
    for table in re.findall(r"(?:^\|.*\n)+", _PAGE, re.M):
        head, _, *rows = [re.split(r" *(?<!\\)\| *", line)[1:-1] for line in table.splitlines()]
        assert head[1] in ("ProAPI", "ProAPI (C++)"), head
        for row in rows:
            assert len(row) == len(head), row
            yield "Python" if head[1] == "ProAPI" else "C++", row[0], row[1]


def spans(language: str) -> list[str]:
    found = []
    for each, theirs, ours in tables():
        if each == language:
            found += _SPAN.findall(ours)
            if ours.startswith("the same"):
                found += _SPAN.findall(theirs)
    return list(dict.fromkeys(found))


def parse(span: str) -> ast.AST:
    """Parses an expression, a statement, the head of one, or parameters. SyntaxError: it is none of them."""
    text = span.removeprefix("@").replace(", ...}", "}")
    for form in ("{}", "async def f():\n {}", "async def f():\n {}: pass", "def f({}): pass", "def f() {}: pass"):
        try:
            return ast.parse(form.format(text))
        except SyntaxError:
            pass
    raise SyntaxError(span)


def has_member(value: Any, name: str) -> bool:
    return hasattr(value, name) or name in getattr(value, "__annotations__", ())


def find(name: str) -> Any:
    """Returns what a name stands for; None if it is one of a setting, a member or the reader's own. LookupError: there
    is no such name."""
    if name in VARIABLES:
        return VARIABLES[name]
    for module in MODULES:
        if hasattr(module, name):
            return getattr(module, name)
    if name in OWN or name in SETTINGS or any(has_member(each, name) for each in VARIABLES.values()):
        return None
    raise LookupError(name)


def look_up(node: ast.expr) -> Any:
    """Returns what an expression refers to, as far as that is known. LookupError: there is no such name."""
    if isinstance(node, ast.Name):
        return find(node.id)
    if isinstance(node, ast.Attribute):
        value = look_up(node.value)
        if value is None:
            return None
        if not has_member(value, node.attr):
            raise LookupError(ast.unparse(node))
        return MEMBERS.get(node.attr, getattr(value, node.attr, None)) if node.attr != "state" else None
    if isinstance(node, ast.Call):
        check_keywords(look_up(node.func), [each.arg for each in node.keywords if each.arg])
        return None
    return None


def takes(function: Any) -> set[str] | None:
    """The keywords that a call takes, with those of a ``**options: Unpack[SomeTypedDict]``. None: any."""
    names = set()
    for each in inspect.signature(function).parameters.values():
        if each.kind is not each.VAR_KEYWORD:
            names.add(each.name)
        elif options := typing.get_args(each.annotation):
            names |= options[0].__annotations__.keys()
        else:
            return None
    return names


def check_keywords(function: Any, given: list[str]) -> None:
    if not given or function is None or (known := takes(function)) is None:
        return
    if unknown := set(given) - known:
        raise LookupError(f"{function} takes no {', '.join(unknown)}")


def check(span: str) -> None:
    """LookupError: a name does not exist."""
    if keyword.iskeyword(span) or span.startswith(("/", '"')):
        return
    if option := re.fullmatch(r"(\w+)=(.*)", span):
        if not any(option[1] in (takes(call) or ()) for call in _CALLS):
            raise LookupError(span)
        span = option[2] or "None"
    tree = parse(span)
    arguments = {
        id(each)
        for node in ast.walk(tree)
        for each in ast.walk(node)
        if isinstance(node, (ast.Call, ast.Subscript, ast.Compare, ast.withitem)) and each is not node
    }
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Call)):
            look_up(node)
        elif isinstance(node, ast.Name):
            is_argument = id(node) in arguments and node.id[0].islower()  # any name will do
            if not is_argument and isinstance(node.ctx, ast.Load):
                find(node.id)


@pytest.mark.parametrize("span", spans("Python"))
def test_python(span: str) -> None:
    check(span)


@pytest.mark.parametrize(
    "span", ["app.on_event", "@app.get(path, response_model=Item)", "ProAPI(title=1)", "websocket.client_state", "emit"]
)
def test_a_name_that_there_is_not_is_found_out(span: str) -> None:
    with pytest.raises(LookupError):
        check(span)


def public_words() -> set[str]:
    text = "".join(path.read_text() for path in (ROOT / "include" / "proapi").glob("*.hpp"))
    return set(re.findall(r"\w+", re.sub(r"//.*", "", text)))


@pytest.mark.parametrize("span", spans("C++"))
def test_cpp(span: str) -> None:
    words = re.findall(r"[A-Za-z_]\w*", re.sub(r'"[^"]*"', "", span))
    names = {"shared", "dedicated"} | SETTINGS | CPP_OWN | public_words()
    assert [each for each in words if each not in names] == []
