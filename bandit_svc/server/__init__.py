"""Put the API and the pages together into one application."""
