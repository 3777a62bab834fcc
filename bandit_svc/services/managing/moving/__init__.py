"""The move of a store to another place, and how the two are compared."""
