"""Write joined decisions in the formats of other tools."""
