"""The echo program on ProAPI: `proapi_echo.py [--fast] [--deflate]`, which serves at PROAPI_PORT, or `uvicorn
proapi_echo:app`. --deflate: for clients that offer it, messages are compressed."""

import sys

from proapi import PlainTextResponse, ProAPI, Request, WebSocketConnection

app = ProAPI(compression="shared" if "--deflate" in sys.argv else None)


@app.websocket("/ws")
async def websocket_handler(websocket: WebSocketConnection) -> None:
    await websocket.accept()
    while True:
        message = await websocket.receive_text()
        await websocket.send_text(f"Echo: {message}")


@app.get("/")
async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("Hello")


if __name__ == "__main__":
    app.run(fast="--fast" in sys.argv)
