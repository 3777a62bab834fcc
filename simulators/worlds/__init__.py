"""One world per file; the registry names them."""
