"""What the nodes that share a stream say of themselves."""
