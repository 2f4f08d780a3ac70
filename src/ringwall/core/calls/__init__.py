"""Call control: a back-to-back user agent for every call.

A Leg is one SIP dialog with one party; a Call is an ordered set of legs and how their media is joined. Each
module here is one part of a call's life, written as transitions on a Call: setup, answering, renegotiation,
keepalive, teardown. `switch` holds what they all stand on, `dispatch` says which transition an event from the
wire calls for.
"""
