"""What policies would earn by whole pages."""
