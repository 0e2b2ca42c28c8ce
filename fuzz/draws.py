"""Values out of bytes: the same bytes, the same values. Where the bytes end, the values are empty."""


class Draws:
    """Reads an input from its beginning to its end."""

    def __init__(self, data):
        self._data, self._at = data, 0

    def bytes(self):
        """Up to 63 bytes, or many more when the first of them asks for it."""
        many = self.below(256)
        return self._take(many if many < 64 else many * 8 if many > 250 else many % 64)

    def text(self):
        """Any text: undecodable bytes become signs that an XML cannot carry."""
        return self.bytes().decode("utf-8", "backslashreplace")

    def below(self, most):
        """0 up to, and without, *most*."""
        return int.from_bytes(self._take(2 if most > 256 else 1), "big") % most

    def among(self, choices):
        """One of these."""
        return choices[self.below(len(choices))]

    def _take(self, count):
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken
