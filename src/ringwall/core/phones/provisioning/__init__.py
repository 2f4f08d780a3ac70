"""What phones fetch over HTTPS: who they are, their configuration, login at the phone (P1, P4, P5)."""
