"""What the service talks about: pure values and rules, no I/O."""
