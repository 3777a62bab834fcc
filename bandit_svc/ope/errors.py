"""The errors of ope, for callers that can't check beforehand."""


class NoDataError(ValueError):
    """There are no rewards, so there is nothing to estimate."""


class LoggedDataError(ValueError):
    """The arrays of a log contradict each other or hold impossible values."""
