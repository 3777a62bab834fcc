"""One person over time: facts about units, their states, features made of them."""
