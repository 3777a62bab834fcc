"""Names that only frameworks, callers or readers of JSON use.

Owns what `vulture` must not report. Each group says why its names are used although no
line of the packages says so. Tests do not count as use: what only tests call is
deleted. `vulture` reads this file and nothing runs it; a name that has gone from the
packages goes from here too (test_unused.py).
"""
# ruff: noqa: F821, B018 - vulture's form: bare names, one group a paragraph
# mypy: ignore-errors

# The client's public interface, for callers.
decide_batch
reward_batch
patch_experiment
is_fallback
source
AsyncBanditClient
Stats

# A provider for the SDK of OpenFeature, which calls `track`.
BanditProvider
track

# Only in quoted annotations, imported for the type checker.
FileDescriptorLike
StartResponse
WSGIApplication
WSGIEnvironment
Arbiter
HotWorker
Synchronized

EmbeddedConnection
EmbeddedDatabase

# JetStream as the stream: its reader follows.
is_open
subscribe
unsubscribe

# Read by psycopg.
prepare_threshold
prepared_max

# Read and called by http.server.
protocol_version
wbufsize
log_message
do_POST

# Called by the event loop.
data_received

# Read by gunicorn, Flask, Werkzeug or the terminal library by their names.
preload_app
max_requests
http_parser
forwarded_allow_ips
asgi_loop
_conn_lost_handled
_arm_keepalive_timer
post_fork
init_signals
child_exit
worker_exit
merge_slashes
max_content_length
soft_wrap

# Changed in place through a view of an array.
diagonal

# What a policy kind says of itself, for callers that build forms and checks.
needs_settings

# Tables and measures that tests compare with documents and simulated worlds.
COUNTERS
LOG_CHECKS
options_of
world_means
regret

# Waits for its metric: an operator is to hear of failed fsync calls.
fsync_failures

# Log format 2: its codec is in place before the log is written with it.
encode_reward
encode_activation
may_be_retried
is_about
FactDecoder
DecisionEncoder
PROGRAMME
SPLIT
SLOTS
ELIGIBLE
FEATURES
CREDITED_REWARD
OUTBOX_CURSOR
WATERMARK
epoch_of
identity_of
encode_frame
parse_frame
could_begin
sequence_of
encode_header
read_header
encode_footer
read_footer

# The registry that the reference page of checks is generated from.
LOG_CHECKS

# Sums by unit, which the learner will keep and the report will read.
units_in_both
MixtureBets

# What a program asks a bandit in its own process, of which the service has none.
stats

# Python asks a module for a name that it lacks.
__getattr__

# What follows the stream: its reader is wired next, first answers come after it.
FirstAnswers
claim

# The learner's metrics server: http.server calls it.
do_GET
