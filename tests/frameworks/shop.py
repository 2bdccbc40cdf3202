"""What the programs of the pages import as their own."""

from agent import refund_order

__all__ = ["refund_order"]
