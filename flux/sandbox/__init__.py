"""
Disposable child processes: the only place where a sender's bytes are parsed.

The daemon hands a child open descriptors and values, over a socket, and gets values back; a child is given no path, inherits no
environment, and is killed as a group when it is late. What it says counts only when a frame is whole, its checksum is right, and it
answers the task that this child was given. A lost child is replaced and its unanswered pieces are asked again, one by one, so that a
poison document is found and its neighbours pass.
"""
