"""flux: batches of works invoices in, routed pieces and a status return flow out."""

__version__ = "0.1.0"
