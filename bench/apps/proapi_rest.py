"""A small interface of JSON on ProAPI: `proapi_rest.py`, in fast mode at PROAPI_PORT. The other *_rest.py are the same
on other frameworks."""

from typing import Annotated, Any

from msgspec import Struct

from proapi import Depends, Header, ProAPI

app = ProAPI()


class Search(Struct):
    text: str
    tags: list[str] = []


async def page(skip: int = 0, limit: int = 10) -> tuple[int, int]:
    return skip, limit


@app.get("/")
async def root() -> dict[str, str]:
    return {"hello": "world"}


@app.get("/user/{name}")
async def user(name: str) -> dict[str, str]:
    return {"name": name}


@app.post("/search")
async def search(
    body: Search,
    page: Annotated[tuple[int, int], Depends(page)],
    x_token: Annotated[str, Header()],
    exact: bool = False,
) -> dict[str, Any]:
    return {"text": body.text, "tags": len(body.tags), "page": page, "token": x_token, "exact": exact}


if __name__ == "__main__":
    app.run(fast=True, access_log=False)
