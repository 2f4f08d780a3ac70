"""The edge agent: what the core asks of the edge.

It joins requests from outside with connections of the core, runs rtpengine's commands, and bans. It has unix
sockets only, runs under a user of its own and knows no secret.
"""
