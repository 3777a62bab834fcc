"""What is known of clients that decide in their own process."""
