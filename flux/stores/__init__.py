"""Where things are kept: the ledger (sql), received bytes (content), published schemas (schemas). They implement the ports."""
