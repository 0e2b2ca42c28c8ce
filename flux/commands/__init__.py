"""Families of commands, one module each: ``cli`` hands them its words, its streams and how a configuration is found, and adds them in one line."""
