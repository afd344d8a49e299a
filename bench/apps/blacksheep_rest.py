"""The two GETs of proapi_rest.py on BlackSheep: `uvicorn blacksheep_rest:app`."""

from blacksheep import Application, Response, get, json

app = Application()


@get("/")
async def root() -> Response:
    return json({"hello": "world"})


@get("/user/{name}")
async def user(name: str) -> Response:
    return json({"name": name})
