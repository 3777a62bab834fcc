"""What holds experiments together: groups of units, layers, caps, quiet hours."""
