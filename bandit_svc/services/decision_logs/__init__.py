"""Read, audit, evaluate and export logs of decisions, our own and others'."""
