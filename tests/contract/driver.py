"""A connection whose handler does what a test says, to test every row of the connection object's contract from outside.

Three WebSockets belong together. ``peer`` is the connection under test. Its handler takes commands from a second one,
the control connection, and answers there with what each call returned or raised. ``foreign`` takes the same commands,
but carries them out in the handler of another connection.
"""

import itertools
import json
import os
from typing import Any

from raw import Headers, WebSocket

_numbers = itertools.count()


class RemoteError(Exception):
    """The exception that a call raised in the handler."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(answer["error"], answer["text"])
        self.name: str = answer["error"]
        self.text: str = answer["text"]
        self.bases: list[str] = answer["bases"]
        self.data = _value(answer.get("data"))
        self.code: int | None = answer.get("code")
        self.reason: str | None = answer.get("reason")


class Commands:
    """A WebSocket that tells a handler which calls to make."""

    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self._answers: dict[int, dict[str, Any]] = {}

    def begin(self, call: str, /, **arguments: Any) -> int:
        """Starts the call in its own task. ``end`` returns its result."""
        return self._send(call, {**arguments, "in_task": True})

    def call(self, call: str, /, **arguments: Any) -> int:
        """Starts the call in the handler itself, which does nothing else meanwhile. ``end`` returns its result."""
        return self._send(call, arguments)

    def do(self, call: str, /, **arguments: Any) -> Any:
        return self.end(self._send(call, arguments))

    def tell(self, call: str, /, **arguments: Any) -> None:
        """Starts a call that has no answer, because it ends the handler."""
        self._send(call, arguments)

    def end(self, number: int) -> Any:
        while number not in self._answers:
            answer = self.websocket.receive_json()
            self._answers[answer["id"]] = answer
        answer = self._answers.pop(number)
        if "error" in answer:
            raise RemoteError(answer)
        return _value(answer["value"])

    def has_come(self, number: int) -> bool:
        """Whether the answer is among those read so far. Answers arrive in the order in which calls complete."""
        return number in self._answers

    def fails(self, call: str, /, **arguments: Any) -> RemoteError:
        try:
            value = self.do(call, **arguments)
        except RemoteError as error:
            return error
        raise AssertionError(f"{call} {arguments} gave {value!r}, not an error")

    def _send(self, call: str, arguments: dict[str, Any]) -> int:
        number = next(_numbers)
        sent = json.dumps({"id": number, "call": call, **arguments}, default=_hexadecimal)
        self.websocket.send_message(sent)
        return number


class Subject(Commands):
    """The connection under test. With ``accepted=False`` its handler has been called, but has not accepted."""

    def __init__(
        self,
        port: int | str,
        *,
        accepted: bool = True,
        headers: Headers = (),
        query: str = "",
        subprotocols: tuple[str, ...] = (),
        receive_buffer: int | None = None,
    ) -> None:
        self.port = port
        self.name = f"{os.getpid()}-{next(_numbers)}"
        super().__init__(WebSocket(port, f"/features/control/{self.name}"))
        self.peer = WebSocket(
            port,
            f"/features/own/{self.name}{query and '?' + query}",
            headers,
            subprotocols=subprotocols,
            receive_buffer=receive_buffer,
            wait=False,
        )
        self._foreign: Commands | None = None
        if accepted:
            self.accept()

    def accept(self, **arguments: Any) -> None:
        assert self.do("accept", **arguments) is None
        self.peer.read_accept()

    @property
    def foreign(self) -> Commands:
        """Makes calls from another connection's handler."""
        if self._foreign is None:
            self.do("state")  # now the subject's handler runs and can be found
            self._foreign = Commands(WebSocket(self.port, f"/features/foreign/{self.name}"))
        return self._foreign

    def disconnect(self) -> None:
        self.peer.disconnect()
        self.websocket.disconnect()
        if self._foreign is not None:
            self._foreign.websocket.disconnect()


def _hexadecimal(octets: bytes) -> dict[str, str]:
    """Encodes octets, which JSON can't represent."""
    return {"hex": octets.hex()}


def _value(value: Any) -> Any:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) and value.keys() == {"hex"} else value
