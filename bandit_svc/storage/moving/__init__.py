"""The move of all that a store holds to a store of another kind."""
