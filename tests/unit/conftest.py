"""Settings for all unit tests: how fast this machine is decides no test."""

from hypothesis import HealthCheck, settings

settings.register_profile("ringwall", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ringwall")
