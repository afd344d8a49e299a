"""proapi_rest.py on FastAPI: `uvicorn fastapi_rest:app`."""

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header
from pydantic import BaseModel

app = FastAPI()


class Search(BaseModel):
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
