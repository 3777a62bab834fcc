"""The numbers that bound a request; each is part of the contract.

Owns the limits and nothing else.
"""

DAY_MS = 86_400_000
MAX_BODY_BYTES = 64 * 1024
MAX_BATCH_BODY_BYTES = 8 * 1024 * 1024
MAX_BATCH_LENGTH = 1_000
MAX_FEATURES = 200
MAX_STRING_LENGTH = 256
MAX_VARIANTS = 500
# Active and retired: decisions of the past still name the retired.
MAX_VARIANTS_EVER = 10_000
# Policies that are evaluated beside the served one, named by an analyst.
MAX_CANDIDATES = 20
MAX_POLICIES_ASKED = 50
# Queued jobs of one experiment; more would wait for longer than callers do.
MAX_JOBS_QUEUED = 20
MAX_PAYLOAD_BYTES = 16 * 1024
MAX_NESTING = 64
MAX_WINDOW_S = 30 * 86_400
MAX_GRACE_S = 7 * 86_400

# An id older than this is expired: its decision may have been pruned.
DECISION_LIFETIME_MS = 90 * 86_400_000

# Clocks of other machines may run this far from ours.
CLOCK_SKEW_MS = 60_000

# A time before 2000 is a client's bug: a unit other than milliseconds, or no clock.
MIN_TIME_MS = 946_684_800_000
