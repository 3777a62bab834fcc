"""What ingestion knows of the sources and the nodes of a stream."""
