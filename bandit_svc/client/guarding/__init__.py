"""What keeps a page as it is: the circuit breaker, and what is told of failures."""
