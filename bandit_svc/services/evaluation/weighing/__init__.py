"""What a decision weighs in the value of a policy, and whether it is evaluated."""
