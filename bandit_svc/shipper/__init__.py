"""The process that sends a node's event log to the stream."""
