"""The two GETs of proapi_rest.py on Starlette: `uvicorn starlette_rest:app`."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def root(request: Request) -> JSONResponse:
    return JSONResponse({"hello": "world"})


async def user(request: Request) -> JSONResponse:
    return JSONResponse({"name": request.path_params["name"]})


app = Starlette(routes=[Route("/", root), Route("/user/{name}", user)])
