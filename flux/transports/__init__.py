"""One module per way of receiving and delivering. Each implements ``ports.Inbox`` and ``ports.Outbox``."""
