"""Put the interface and the pages behind one door."""
