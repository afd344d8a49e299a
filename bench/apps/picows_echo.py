"""The echo program on picows and uvloop: `picows_echo.py CERTIFICATE`, which serves over TLS at PROAPI_PORT. The PEM
file also has the key. The text stays bytes, which spares picows the check and the copies that the others make."""

import os
import ssl
import sys

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            transport.send(WSMsgType.TEXT, b"Echo: " + frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


def listener(_request: WSUpgradeRequest) -> Echo:
    return Echo()


async def main() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[1])
    server = await ws_create_server(listener, "127.0.0.1", int(os.environ["PROAPI_PORT"]), ssl=context)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
