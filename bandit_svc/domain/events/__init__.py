"""What happens: decisions, rewards and the events that record them."""
