"""Incidents played on a local network of their own, by the same door that commands and console use."""
