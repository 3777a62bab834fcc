"""What one learner has to do, where several share the shards of a stream."""
