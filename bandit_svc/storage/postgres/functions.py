"""What statements call by name, as functions of the schema.

Owns their SQL. Each does what SQLite's, or the embedded store's own, of that name does.
"""

from typing import Final

FUNCTIONS: Final = (
    """CREATE OR REPLACE FUNCTION iif(boolean, anyelement, anyelement)
    RETURNS anyelement LANGUAGE sql IMMUTABLE
    AS 'SELECT CASE WHEN $1 THEN $2 ELSE $3 END'""",
    """CREATE OR REPLACE FUNCTION min(bigint, bigint) RETURNS bigint LANGUAGE sql
    IMMUTABLE AS 'SELECT CASE WHEN $1 <= $2 THEN $1 WHEN $2 < $1 THEN $2 END'""",
    """CREATE OR REPLACE FUNCTION max(bigint, bigint) RETURNS bigint LANGUAGE sql
    IMMUTABLE AS 'SELECT CASE WHEN $1 >= $2 THEN $1 WHEN $2 > $1 THEN $2 END'""",
    """CREATE OR REPLACE FUNCTION instr(bytea, bytea) RETURNS boolean LANGUAGE sql
    IMMUTABLE AS 'SELECT position($2 IN $1) > 0'""",
    # The last end of the spans of a model: the only path that is asked for.
    """CREATE OR REPLACE FUNCTION json_extract(text, text) RETURNS bigint LANGUAGE sql
    IMMUTABLE AS 'SELECT CAST(CAST($1 AS jsonb) -> -1 ->> 1 AS bigint)'""",
    """CREATE OR REPLACE FUNCTION randomblob(integer) RETURNS bytea LANGUAGE sql
    AS 'SELECT substr(uuid_send(gen_random_uuid()), 1, $1)'""",
    # Of 'now', for one.
    """CREATE OR REPLACE FUNCTION julianday(text) RETURNS double precision
    LANGUAGE sql STABLE
    AS 'SELECT extract(epoch FROM CAST($1 AS timestamptz)) / 86400 + 2440587.5'""",
    # A slot's page: the upper bits of byte 19 are the number of the slot.
    """CREATE OR REPLACE FUNCTION page_id(bytea) RETURNS bytea LANGUAGE sql
    IMMUTABLE AS 'SELECT CASE WHEN length($1) = 30 AND get_byte($1, 19) > 3
        THEN set_byte($1, 19, get_byte($1, 19) & 3) ELSE $1 END'""",
    # As SQLite numbers a new row: no number is left out where a row was not kept.
    """CREATE OR REPLACE FUNCTION next_number(name text, key text) RETURNS bigint
    LANGUAGE plpgsql AS $$
    DECLARE found bigint;
    BEGIN
        EXECUTE format('SELECT coalesce(max(%I), 0) + 1 FROM %I', key, name)
            INTO found;
        RETURN found;
    END $$""",
)
