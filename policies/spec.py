"""From a policy's settings to a policy.

Owns the list of kinds and the call that builds one. Each kind's own settings are
validated in its own file.
"""
