"""The learner process: ingest, join, train, publish."""
