"""Ringwall: a secure unified-communications system that a company runs itself.

Each package below is a zone or what a zone stands on; docs/architecture.md says who may import whom.
"""

__version__ = "0.1.0"
