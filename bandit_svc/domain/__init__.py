"""Values and rules of the service: pure, without I/O."""
