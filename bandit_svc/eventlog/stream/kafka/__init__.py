"""The stream in a broker that speaks Kafka's protocol. Needs the extra `kafka`."""
