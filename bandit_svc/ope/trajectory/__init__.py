"""The value of deploying a policy where decisions change what comes later."""
