"""How often a secret may be guessed at, and who is never locked out by the guesses of others.

`window` counts events, `budget` bounds tries at PINs, `gate` those at passwords of devices and of
administrators, `known` remembers from where somebody has signed in, `alarm` tells of guessing.
"""
