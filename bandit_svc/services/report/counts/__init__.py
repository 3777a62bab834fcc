"""What is counted of the decisions of a report."""
