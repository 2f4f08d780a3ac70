"""A browser in bytes for the edge's tests: SIP over a WebSocket, with what `Phone` of the rig can do."""

import asyncio
import contextlib

import websockets

from system.edge_rig import ADDRESS, Core, Message, Rig, Stream, request

CONTACT = "Contact: <sip:abc@xyz.invalid;transport=ws>\r\n"


class Browser:
    """A WebSocket that speaks SIP as text. Made by `connect`."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self._socket = socket

    @classmethod
    async def connect(cls, rig: Rig) -> "Browser":
        uri = f"wss://{ADDRESS}:{rig.settings.ports.https}/ws"
        context = rig.world_context()
        socket = await websockets.connect(
            uri, ssl=context, server_hostname="example.test", subprotocols=["sip"], compression=None
        )
        return cls(socket)

    @property
    def local(self) -> str:
        host, port = self._socket.transport.get_extra_info("sockname")[:2]
        return f"{host}:{port}"

    async def send(self, data: bytes) -> None:
        await self._socket.send(data.decode())

    async def next(self, seconds: float = 5) -> Message:
        """Return the next message; EOFError when the connection was closed."""
        async with asyncio.timeout(seconds):
            try:
                text = await self._socket.recv()
            except websockets.ConnectionClosed:
                raise EOFError from None
        (message,) = Stream().feed(text.encode() if isinstance(text, str) else text)
        return message

    async def final(self, seconds: float = 5) -> Message:
        while (message := await self.next(seconds)).status and message.status < 200:
            pass
        return message

    async def register(self, core: Core) -> Message:
        """Register with a core that says yes, and return what the core saw."""
        contact = CONTACT + "Supported: path, outbound\r\n"
        await self.send(request("REGISTER", "sip:example.test", transport="WSS", extra=contact))
        seen = await core.next("REGISTER")
        core.send(seen.reply(200, "OK"))
        assert (await self.final()).status == 200
        return seen

    async def close(self) -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            await self._socket.close()
