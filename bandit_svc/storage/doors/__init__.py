"""What is kept of the doors by which others report rewards and events."""
