"""The three links that the core opens to the edge: SIP, HTTP and control.

All of them are dialled from here, over TLS 1.3 with a client certificate, to one port; ALPN says which one it
is. They come back by themselves: whoever uses one asks ``up`` and is told of changes, and never waits for a
connection.
"""
