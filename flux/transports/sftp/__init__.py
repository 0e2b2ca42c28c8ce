"""
SFTP endpoints: a partner's folder on a server of his, from which files are fetched, or to which flux delivers.

``wire`` speaks the protocol, ``session`` opens a connection and holds it to the pinned host key, ``pull`` and ``push`` are the two protocols
with their evidence, ``inbox`` hands what was fetched to the intake, ``courier`` is the thread of an endpoint.
"""
