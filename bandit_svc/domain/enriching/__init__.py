"""What the service itself adds to the context of a decision."""
