"""The commands that have commands of their own, one module a room; cli adds each in one line."""
