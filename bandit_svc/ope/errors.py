"""The errors of this room, for callers that can't know it is empty beforehand."""


class NoDataError(ValueError):
    """There are no rewards, so there is nothing to estimate."""
