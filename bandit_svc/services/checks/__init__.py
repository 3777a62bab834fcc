"""Questions about whether an experiment's numbers can be relied on."""
