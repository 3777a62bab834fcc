"""What all experiments of a service share: who may write, and for how long."""
