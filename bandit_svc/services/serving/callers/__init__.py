"""Who calls: keys as they are served, when they were used, how often they may ask."""
