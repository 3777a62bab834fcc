"""Commands that estimate and search."""
