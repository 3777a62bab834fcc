"""The store of several machines as one that is left, and as one that is moved to."""
