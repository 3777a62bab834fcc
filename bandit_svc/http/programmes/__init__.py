"""Routes of programmes."""
