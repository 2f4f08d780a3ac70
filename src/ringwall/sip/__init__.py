"""SIP, SDP and digest: bytes in, typed values out. No sockets, no clock, no asyncio."""
