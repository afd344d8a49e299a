"""A handler's parameter annotated ``Response``: its header fields, cookies and status are added to those of what the
handler returns, as in FastAPI."""

from copy import copy

from ..request import Request
from ..response import Response

_KEY = "_response_parameter"


async def make_parameter(request: Request) -> Response:
    """The dependency that such a parameter is. The handler and its dependencies share one object."""
    response = Response()
    request.state[_KEY] = response
    return response


def with_parameter(request: Request, response: Response) -> Response:
    """Returns the response with what the parameter was given."""
    if request._state is None or _KEY not in request._state:
        return response
    given: Response = request._state[_KEY]
    fields = list(given.headers.items())
    if not fields and given.status_code == 200:
        return response
    response = copy(response)  # the program may use one object for many requests
    response.headers = [*response.headers.items(), *fields]
    if given.status_code != 200:
        response.status_code = given.status_code
    return response
