"""One decision for several places of a page."""
