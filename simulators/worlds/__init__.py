"""One world a file; the registry names them."""
