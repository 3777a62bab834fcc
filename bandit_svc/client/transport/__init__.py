"""HTTP within one deadline: addresses, names, answers, connections."""
