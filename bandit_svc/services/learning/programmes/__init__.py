"""The sums of programmes, as joined decisions add to them."""
