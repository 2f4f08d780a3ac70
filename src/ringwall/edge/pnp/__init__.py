"""SIP plug and play: the one question that a new phone asks everybody on its network (P1)."""
