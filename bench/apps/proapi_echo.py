"""The echo program on ProAPI: `proapi_echo.py [--fast] [CERTIFICATE]`, which serves at PROAPI_PORT, or
`uvicorn proapi_echo:app`. With a certificate, a PEM file that also has the key, it serves over TLS."""

import sys

from proapi import PlainTextResponse, ProAPI, Request, WebSocketConnection

app = ProAPI()


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
    files = [argument for argument in sys.argv[1:] if argument != "--fast"]
    app.run(fast="--fast" in sys.argv, ssl_certfile=files or None)
