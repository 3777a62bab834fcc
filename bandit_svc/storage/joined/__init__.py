"""What belongs to experiments by their number, and to one shard of them."""
