"""The HTTP Tracking API of Segment, which RudderStack's SDKs speak too."""
