"""What the archive costs, and whether Spark agrees."""
