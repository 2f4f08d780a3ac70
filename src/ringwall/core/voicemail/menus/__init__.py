"""The menus of voice mail: coroutines on an Interaction that end in a `media.menu.Next` (V1).

Rules that the whole package keeps:
- Every way through a menu ends: who says nothing three times, or presses more keys than anybody would, hears
  goodbye.
- Keys choose among what is written here. No key, no number of keys and no silence leads anywhere else.
- The keys are those that the recorded prompts name; `docs/voicemail.md` has them as a table.
"""
