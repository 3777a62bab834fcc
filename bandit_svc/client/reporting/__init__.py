"""What is reported in the background: kept in memory, sent in batches, sent again."""
