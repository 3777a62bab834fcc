"""How single rows are laid out and checked."""
