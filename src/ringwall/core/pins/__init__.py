"""One PIN for each user, for login at a phone and for the mailbox: rules, checking, lock-out, changes."""
