"""Tables of sums that joins and ingestion add to, and what pages read of them."""
