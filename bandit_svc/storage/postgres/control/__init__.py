"""What the machines of a service share, in the memory of each process."""
