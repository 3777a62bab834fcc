"""From chances to a choice that anyone can draw again: ids, groups, pmfs."""
