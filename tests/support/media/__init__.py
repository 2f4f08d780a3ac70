"""A media server as a process of its own, a client that controls it, and phones that speak SRTP with it."""
