"""Where facts are kept: experiments, decisions, rewards, models."""
