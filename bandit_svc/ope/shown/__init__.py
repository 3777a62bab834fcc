"""Statistics of what another system has chosen: its chances, and newest means."""
