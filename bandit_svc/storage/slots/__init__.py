"""Pages of several slots, as every store keeps them."""
