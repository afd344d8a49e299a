"""A handler that forks: the child is a copy that can't serve; whatever it does on its way out, the parent goes on."""

import asyncio
import json

import pytest
from lean_client import LeanWebSocket
from system_servers import SYSTEM_APP, Process, python, run, serving


@pytest.mark.parametrize("how", ["exit", "return"])
@pytest.mark.parametrize("fast", [pytest.param(False, id="standard"), pytest.param(True, id="fast")])
def test_the_parent_goes_on(fast: bool, how: str) -> None:
    async def scenario(server: Process) -> None:
        other = await LeanWebSocket.connect(server.port, "/echo")
        client = await LeanWebSocket.connect(server.port, f"/fork/{how}")
        async with asyncio.timeout(20):
            assert await client.receive() == b"the child has gone"
            for user in (other, client):
                user.send_text("still here")
                assert await user.receive() == b"still here"
            newcomer = await LeanWebSocket.connect(server.port, "/echo")
            newcomer.send_text("hello")
            assert await newcomer.receive() == b"hello"
        for user in (other, client, newcomer):
            await user.close()

    with serving(python(SYSTEM_APP, json.dumps({"fast": fast}))) as server:
        run(scenario(server), server)
