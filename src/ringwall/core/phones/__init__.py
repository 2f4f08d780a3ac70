"""Desk phones: who they are, their states, who is logged in at them, what they are told (P1 to P5)."""
