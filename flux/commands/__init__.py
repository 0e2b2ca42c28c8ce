"""Families of commands, one module each, found by cli; what they share is in ``desk``."""
