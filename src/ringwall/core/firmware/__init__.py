"""Firmware of phones: a TUF repository whose root is kept elsewhere, and who gets which image (F1, F3)."""
