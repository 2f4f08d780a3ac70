"""The media server: mixes, plays and records what its legs say; SRTP on every leg (C2, V2, T1).

It is a process of its own, because a busy interpreter beside it would stop its clock. It knows no SIP, no
users and no rights: the core asks it for legs, rooms, players and recorders (docs/media-control.md).
"""

import os

# One thread mixes small matrices; threads of the linear algebra library would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
