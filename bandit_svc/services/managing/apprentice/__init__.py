"""Make an apprentice live at its bound."""
