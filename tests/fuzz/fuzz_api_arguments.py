"""Any query, path and body is one set of arguments or one OperationError (invalid); cursors too.

`python tests/fuzz/fuzz_api_arguments.py -max_total_time=20`, in CI `-runs=...`; see harness.py.
"""

import asyncio

import atheris
import harness

with atheris.instrument_imports(include=["ringwall"]):
    from ringwall.core.api.operation_routes import arguments_of
    from ringwall.core.directory.operations import OPERATIONS
    from ringwall.core.errors import OperationError
    from ringwall.core.operations.arguments import checked

from starlette.requests import Request

_BY_NAME = {one.name: one for one in OPERATIONS}
LIST, SET = _BY_NAME["user.list"], _BY_NAME["user.set"]
USERS = [{"extension": f"2{number:02d}", "name": "Anna", "group": "sales"} for number in range(30)]


def target(data: bytes) -> None:
    query, _, body = data.partition(b"\n")
    for operation, path, sent in ((LIST, {}, b""), (SET, {"extension": query.decode("latin-1")}, body)):
        scope = {
            "type": "http",
            "method": operation.verb,
            "path": "/api/users",
            "query_string": b"" if path else query,
            "path_params": path,
            "headers": [(b"content-type", b"application/json")],
        }

        async def receive(sent: bytes = sent) -> dict[str, object]:
            return {"type": "http.request", "body": sent, "more_body": False}

        try:
            asked = asyncio.run(arguments_of(operation, Request(scope, receive)))
            arguments = checked(operation.arguments, asked)
            if operation.listing is not None:
                page, _cursor = operation.listing.page(USERS, arguments)
                assert len(page) <= arguments.limit
        except OperationError as error:
            if error.code != "invalid":
                raise


if __name__ == "__main__":
    harness.run(
        target,
        [
            b"limit=2&cursor=WyIyMDEiXQ&q=ann&group=sales",
            b"limit=2&limit=3",
            b'201\n{"name": "Anna", "no_pickup": true, "did": null}',
            b"201\n[1]",
            b"locked=true&site=main\n",
        ],
    )
