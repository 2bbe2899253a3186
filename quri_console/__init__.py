"""A terminal console that guards, backs up and restores Internet Computer canisters."""

__version__ = "0.1.0"
