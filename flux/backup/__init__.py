"""Backups of a living installation, their verification, and how one becomes an installation again. Decision 19 says why each thing is done when it is."""
