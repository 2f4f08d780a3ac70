"""Lets ``python -m ringwall`` be the command line."""

from ringwall.cli import main

main()
