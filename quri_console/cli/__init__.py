"""The commands: parse, ask the console, render."""
