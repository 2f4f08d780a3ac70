"""One leg's SIP: answering, changes, session timers, glare, INFO, the end."""
