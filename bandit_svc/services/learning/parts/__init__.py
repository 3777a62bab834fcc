"""Segments and variants by unit, as joined decisions add to them."""
