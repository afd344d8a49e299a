"""Names that users of Starlette, FastAPI, uvicorn, Flask and Socket.IO type from habit, and what to write instead.

Only data, and the errors that quote it.
"""

import sys
from collections.abc import Iterable
from typing import NoReturn

_NO_DOCUMENT = "ProAPI writes no OpenAPI document: leave it out"
_MIDDLEWARE = (
    "write @app.middleware on async def name(connection, call_next); CORS is ProAPI(cors=CORS(allow_origins=[...])),"
    " compression is ProAPI(compress=True), and under an ASGI server SomeMiddleware(app) wraps the application"
)
_ROUTERS = "write router = Router(prefix=...) and app.include_router(router)"
_HOOKS = "write @app.middleware on async def name(connection, call_next)"
_EVENTS = 'write @app.events(path), and below it @events.on("name") for the messages of a name'
_BROADCAST = "keep the connections in a set, and send to each: websocket.send_json(...) acts at once"
_ROOMS = "keep a set of connections for each room: rooms[name].add(websocket)"
_SECURITY = "write from proapi.security import"
_TASKS = "write @app.task for a task that runs all the time, or app.spawn(coroutine)"
_ROUTE = "write app.route(path, methods=[...])(handler)"
_WEBSOCKET = "write app.websocket(path)(handler)"

APP: dict[str, str] = {
    "add_api_route": _ROUTE,
    "add_api_websocket_route": _WEBSOCKET,
    "add_event_handler": "write app.on_startup(function) or app.on_shutdown(function)",
    "add_middleware": _MIDDLEWARE,
    "add_route": _ROUTE,
    "add_task": _TASKS,
    "add_url_rule": _ROUTE,
    "add_websocket_route": _WEBSOCKET,
    "after_request": _HOOKS,
    "api_route": "write @app.route(path, methods=[...])",
    "background_task": _TASKS,
    "before_request": _HOOKS,
    "broadcast": _BROADCAST,
    "config": "write app.configure(name=value); app.limits has every setting",
    "emit": _BROADCAST,
    "enter_room": _ROOMS,
    "errorhandler": "write @app.exception_handler(SomeException) or @app.exception_handler(404)",
    "event": _EVENTS,
    "join_room": _ROOMS,
    "leave_room": _ROOMS,
    "listen": "write app.run(host, port)",
    "logger": 'write logging.getLogger("proapi")',
    "mount": "write app.static(path, directory) for files; ProAPI mounts no other application",
    "on": _EVENTS,
    "on_event": "write @app.on_startup or @app.on_shutdown, without parentheses, or ProAPI(lifespan=...)",
    "openapi": _NO_DOCUMENT,
    "publish": _BROADCAST,
    "register_blueprint": _ROUTERS,
    "router": _ROUTERS,
    "sleep": "write await asyncio.sleep(...)",
    "start_background_task": _TASKS,
    "test_client": "write async with app.serving(port=0) as server, and connect to server.url",
    "trace": 'write @app.route(path, methods=["TRACE"])',
    "url_for": "write app.url_path_for(name, ...), or request.url_for(name, ...)",
    "websocket_route": "write @app.websocket(path)",
    "ws": _WEBSOCKET,
}

ROUTER: dict[str, str] = {
    name: text.replace("app.", "router.") for name, text in APP.items() if text in (_ROUTE, _WEBSOCKET)
}

_METHODS = "write @app.route(path, methods=[...])"

ROUTE: dict[str, str] = {
    "background": "write Response(content, background=BackgroundTask(function)), or app.spawn(coroutine)",
    "callbacks": _NO_DOCUMENT,
    "endpoint": _NO_DOCUMENT,
    "methods": _METHODS,
    "openapi_extra": _NO_DOCUMENT,
    "operation_id": _NO_DOCUMENT,
    "response_class": "return a response of that class from the handler",
    "response_description": _NO_DOCUMENT,
    "response_model": "annotate what the handler returns, -> list[Item]: fields that Item does not have are left out",
    "responses": _NO_DOCUMENT,
    "strict_slashes": "a slash at the end counts: register both paths",
}

WEBSOCKET: dict[str, str] = {
    "subprotocols": "write await websocket.accept(subprotocol=...), with one of websocket.subprotocols",
}

SETTINGS: dict[str, str] = {
    "debug": "tracebacks are in the log, and clients never get them",
    "description": _NO_DOCUMENT,
    "docs_url": _NO_DOCUMENT,
    "log_level": 'write logging.getLogger("proapi").setLevel(...) before app.run()',
    "middleware": _MIDDLEWARE,
    "on_shutdown": "write @app.on_shutdown",
    "on_startup": "write @app.on_startup",
    "openapi_url": _NO_DOCUMENT,
    "redoc_url": _NO_DOCUMENT,
    "reload": "ProAPI does not reload: uvicorn main:app --reload serves the application while you write it",
    "routes": _ROUTERS,
    "ssl_context": "pass run() the files: ssl_certfile=, ssl_keyfile=",
    "title": _NO_DOCUMENT,
    "version": _NO_DOCUMENT,
}

REQUEST: dict[str, str] = {
    "args": "write request.query_params",
    "auth": "ProAPI has no authentication: look at request.headers, and keep the user in request.state",
    "base_url": "write request.url or request.headers",
    "data": "write await request.body()",
    "get_json": "write await request.json()",
    "query_string": "write request.query_params",
    "remote_addr": "write request.client.host",
    "user": "ProAPI has no authentication: keep the user in request.state",
    "view_args": "write request.path_params",
}

_STATE = "write websocket.accepted and websocket.closed"

CONNECTION: dict[str, str] = {
    "application_state": _STATE,
    "auth": "ProAPI has no authentication: look at websocket.headers, and keep the user in websocket.state",
    "base_url": "write websocket.url or websocket.headers",
    "client_state": _STATE,
    "emit": 'write await websocket.send_json({"type": name, ...})',
    "ping": "ProAPI sends pings itself: see the settings ping_interval and ping_timeout",
    "recv": "write await websocket.receive(), receive_text() or receive_bytes()",
    "remote_address": "write websocket.client",
    "scope": "write websocket.headers, path, path_params, query_params, client or url",
    "send": "write await websocket.send_text(), send_bytes() or send_json()",
    "send_denial_response": "write await websocket.reject(status_code, body, headers)",
    "url_for": "write websocket.app.url_path_for(name, ...)",
    "user": "ProAPI has no authentication: keep the user in websocket.state",
}

MODULE: dict[str, str] = {
    "jsonable_encoder": "return the value itself: dataclasses, msgspec structures and pydantic models become JSON",
    "status": "write the number, or from http import HTTPStatus",
    "SessionMiddleware": "write from proapi.sessions import SessionMiddleware",
    "Jinja2Templates": "write from proapi.templating import Jinja2Templates",
    "Blueprint": _ROUTERS,
    "CORSMiddleware": "write ProAPI(cors=CORS(allow_origins=[...])), with from proapi import CORS",
    "FastAPI": "write from proapi import ProAPI",
    "Flask": "write from proapi import ProAPI",
    "GZipMiddleware": "write ProAPI(compress=True)",
    "Middleware": _MIDDLEWARE,
    "Starlette": "write from proapi import ProAPI",
    "StaticFiles": "write app.static(path, directory)",
    "TestClient": "write async with app.serving(port=0) as server, and connect to server.url",
    "WebSocketState": _STATE,
    "APIKeyCookie": f"{_SECURITY} APIKeyCookie",
    "APIKeyHeader": f"{_SECURITY} APIKeyHeader",
    "APIKeyQuery": f"{_SECURITY} APIKeyQuery",
    "HTTPAuthorizationCredentials": f"{_SECURITY} HTTPAuthorizationCredentials",
    "HTTPBasic": f"{_SECURITY} HTTPBasic",
    "HTTPBasicCredentials": f"{_SECURITY} HTTPBasicCredentials",
    "HTTPBearer": f"{_SECURITY} HTTPBearer",
    "OAuth2PasswordBearer": f"{_SECURITY} OAuth2PasswordBearer",
    "OAuth2PasswordRequestForm": f"{_SECURITY} OAuth2PasswordRequestForm",
    "AsyncServer": _EVENTS,
    "HTTPEndpoint": "write a handler for each method: @app.get(path), @app.post(path)",
    "Mount": _ROUTERS,
    "ORJSONResponse": "write JSONResponse: msgspec writes it",
    "Route": _ROUTE,
    "SocketIO": _EVENTS,
    "WebSocketEndpoint": "write @app.websocket(path): on_receive is the loop of the handler, on_disconnect its finally",
    "WebSocketException": "raise HTTPException(401) before accept(), or await websocket.close(code) after it",
    "WebSocketRoute": _WEBSOCKET,
    "emit": _BROADCAST,
    "join_room": _ROOMS,
    "jsonify": "return the dict or the list itself, or a JSONResponse",
    "leave_room": _ROOMS,
    "run_in_threadpool": "write await asyncio.to_thread(function, ...)",
}


class Missing:
    """An attribute that a class written in C does not have, and that answers with what to write instead."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text

    def __get__(self, instance: object, owner: type) -> NoReturn:
        text = f"{owner.__name__!r} object has no attribute {self._name!r}: {self._text}"
        raise AttributeError(text, name=self._name, obj=instance)


def answer(owner: type, habits: dict[str, str]) -> None:
    """Lets ``owner`` answer to the names of the habits. Costs nothing for the names that it has."""
    for name, text in habits.items():
        assert not hasattr(owner, name), name
        setattr(owner, name, Missing(name, text))


def refuse_module_attribute(name: str) -> NoReturn:
    """Raises AttributeError as Python does, followed by what to write instead if the name is a habit.

    To be called by ``__getattr__`` of the package. ``from proapi import name`` replaces the text of an AttributeError
    by its own, so there a habit is an ImportError.
    """
    text = f"module 'proapi' has no attribute {name!r}"
    if name not in MODULE:
        raise AttributeError(text, name=name, obj=sys.modules["proapi"])
    # The import statement first asks here, from importlib; the frame in between is __getattr__'s.
    if sys._getframe(2).f_globals.get("__name__") == "importlib._bootstrap":
        raise ImportError(f"cannot import name {name!r} from 'proapi': {MODULE[name]}", name="proapi")
    raise AttributeError(f"{text}: {MODULE[name]}", name=name, obj=sys.modules["proapi"])


def refuse_attribute(owner: object, name: str, habits: dict[str, str]) -> NoReturn:
    """Raises AttributeError as Python does, followed by what to write instead if the name is a habit."""
    kind = type(owner).__name__
    text = f"{kind!r} object has no attribute {name!r}"
    raise AttributeError(f"{text}: {habits[name]}" if name in habits else text, name=name, obj=owner)


def refuse_keywords(call: str, names: Iterable[str], habits: dict[str, str]) -> None:
    """Raises TypeError if one of the names is a habit; the text says what to write instead."""
    for name in names:
        habit = "response_model" if name.startswith("response_model_") else name
        if habit in habits:
            raise TypeError(f"{call}() takes no {name}=: {habits[habit]}")


def refuse_unknown(call: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raises TypeError if one of the names is not known; the text says what to write instead if it is a habit."""
    unknown = [name for name in names if name not in known]
    refuse_keywords(call, unknown, ROUTE)
    for name in unknown:
        raise TypeError(f"{call}() got an unexpected keyword argument {name!r}; it takes {', '.join(known)}")


def refuse_settings(names: Iterable[str]) -> None:
    """Raises ValueError if one of the names is a habit; the text says what to write instead."""
    for name in names:
        if name in SETTINGS:
            raise ValueError(f"{name!r} is not a setting: {SETTINGS[name]}")
