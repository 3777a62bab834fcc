"""NATS JetStream as the stream: its protocol, a connection, and its streams."""
