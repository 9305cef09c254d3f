"""Measures jobq, and the queues that a person could pick instead, as multiples of the physical limit beside them."""
