"""The event log as a stream of messages that many machines share."""
