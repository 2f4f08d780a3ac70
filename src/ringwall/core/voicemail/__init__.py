"""Voice mail (V1, V2): leaving messages, listening to them, greetings, lists, lamps and notices.

Rules that the whole package keeps:
- No way out. Nothing here can place a call, and nothing here imports what can: import-linter checks it. A
  menu ends in a value (`media.menu.Next`) that names at most an extension, which nobody typed: the assistant
  whom the owner has set, or the sender of a message. Call control asks the policy before it connects anybody.
- Nothing is told to be saved before it is on the disk.
- What was said is for the owner of the mailbox alone: each recording has a key of its own, which is unwrapped
  only for a session of the owner.
"""
