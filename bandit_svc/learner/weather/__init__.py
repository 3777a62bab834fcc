"""Finding out the weather, by the one process that asks a source."""
