"""A shop over 60 days: what shoppers do, what is best, and what is drawn."""
