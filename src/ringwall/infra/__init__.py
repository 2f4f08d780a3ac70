"""What every process stands on: settings, PKI, supervision, logging. Imports nothing else of ringwall."""
