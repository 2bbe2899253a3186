"""The byte formats of the Internet Computer's interface specification; pure functions without input or output."""
