"""Answer requests: decide, take rewards, look up; what a request reads from memory."""
