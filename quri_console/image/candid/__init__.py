"""Candid service texts as graphs of types: read, compared and written (Candid specification, "Core Grammar")."""
