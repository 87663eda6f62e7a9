"""The rules for the statements of the user for dashboards, whose charts may contain any SQL expression.

The grants of this user (``server/engine/roles.py``) decide which tables it reads. The rules here refuse functions that
wait, functions that tell about the server and the machine, and settings that change the limits of the user's queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trailhouse.server.clickhouse_errors import ServerError
from trailhouse.server.sql.guard import has_name_parameter, read_identifier, refuse_hidden_names
from trailhouse.server.sql.lexer import Token, TokenKind
from trailhouse.server.sql.statement import begins_settings

_MEMORY_BYTES = 2 << 30
_RESULT_BYTES = 1 << 30
# Settings that a request of this user may have: they shape the answer, or clickhouse-connect sends them always.
_SETTING_PREFIXES = (
    "output_format_",
    "format_",
    "date_time_input_format",
    "date_time_output_format",
    "session_timezone",
    "cast_string_to_dynamic_use_inference",
    "readonly",
)
_FIRST_WORDS = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXISTS", "USE", "EXPLAIN"})
_WORDS_AFTER_SETTINGS = frozenset({"FORMAT", "INTO", "UNION", "INTERSECT", "EXCEPT", "SETTINGS"})
_FORBIDDEN_NAMES = frozenset(
    name.upper()
    for name in (
        # functions that wait
        "sleep", "sleepEachRow",
        # functions about the machine, the server, its connections and its users
        "authenticatedUser", "authUser", "buildId", "connection_id", "connectionId", "current_schemas",
        "current_user", "currentHandler", "currentProfiles", "currentRequestURL", "currentRoles", "currentSchemas",
        "currentUser", "defaultProfiles", "defaultRoles", "displayName", "enabledProfiles", "enabledRoles",
        "filesystemAvailable", "filesystemCapacity", "filesystemUnreserved", "FQDN", "fullHostName",
        "current_query_id", "currentQueryID",
        "getClientHTTPHeader", "getMacro", "getMergeTreeSetting", "getOSKernelVersion", "getServerPort",
        "getServerSetting", "getSetting", "getSettingOrDefault", "globalVariable", "hasColumnInTable",
        "hasThreadFuzzer", "hostName", "initial_query_id", "initialQueryID", "logTrace", "mergeTreePartInfo",
        "partitionId", "pg_get_userbyid", "pg_table_is_visible", "pgGetUserById", "pgTableIsVisible", "query_id",
        "queryID", "runningConcurrency", "serverUUID", "session_user", "showCertificate", "tcpPort", "tid",
        "transactionID", "transactionLatestSnapshot", "transactionOldestSnapshot", "uptime", "user",
        "zookeeperSessionUptime",
        # functions that read tables, run hidden SQL, or call other hosts
        "catboostEvaluate", "dictGet", "dictHas", "dictIsIn", "joinGet", "joinGetOrNull", "file", "eval",
        "formatQuery", "formatQueryOrNull", "fuzzQuery", "viewExplain",
        "aiClassify", "aiEmbed", "aiExtract", "aiFilter", "aiGenerate", "aiRedact", "aiSimilarity", "aiTranslate",
        # functions about the memory addresses of the process
        "addressToLine", "addressToLineWithInlines", "addressToSymbol", "demangle",
        # table functions that make rows out of nothing, or read the parts of tables
        "generateRandom", "generateSeries", "generate_series", "loop", "merge", "mergeTreeIndex",
        "mergeTreeProjection", "numbers", "numbers_mt", "primes", "zeros", "zeros_mt",
    )
)  # fmt: skip


def limit_settings(memory_limit_bytes: int) -> dict[str, str]:
    """Return the settings of this user's handles, which limit every query.

    A query gets 30 s, two threads, and 2 GiB or half of the server's memory, whichever is less. Its result has at most
    a million rows and 1 GiB.
    """
    return {
        "max_execution_time": "30",
        "max_threads": "2",
        "max_memory_usage": str(min(_MEMORY_BYTES, memory_limit_bytes // 2)),
        "max_result_rows": "1000000",
        "max_result_bytes": str(_RESULT_BYTES),
    }


def refuse_for_dashboards(text: bytes, tokens: Sequence[Token], parameters: Mapping[str, str]) -> None:
    """Raise ServerError 497 or 164 if the user for dashboards may not run the statement ``text``.

    ``tokens`` are all tokens of ``text``, which the engine's parser has written. ``parameters`` are the query
    parameters of the request.
    """
    if has_name_parameter(text):
        refuse_hidden_names(parameters, _FORBIDDEN_NAMES)
    first = next((token.word for token in tokens if token.word), "")
    if first not in _FIRST_WORDS:
        raise ServerError(164, "READONLY", "Cannot execute query in readonly mode: the user for dashboards only reads")
    for index, token in enumerate(tokens):
        if begins_settings(list(tokens[index : index + 3]), 0, text) or _sets_without_value(text, tokens, index):
            raise _refuse_setting("SETTINGS")
        is_column = index > 0 and tokens[index - 1].written_in(text) == b"."
        name = read_identifier(text, token)
        if name in _FORBIDDEN_NAMES and not is_column:
            raise ServerError(
                497,
                "ACCESS_DENIED",
                f"Not enough privileges: the user for dashboards cannot use the name {name.lower()}, because its"
                " queries read the published tables only, and nothing about the server",
            )


def _sets_without_value(text: bytes, tokens: Sequence[Token], index: int) -> bool:
    """Return whether SETTINGS and a name that is set to true are at ``index``, as in ``SELECT 1 SETTINGS final``."""
    if tokens[index].word != "SETTINGS" or index + 1 >= len(tokens):
        return False
    if read_identifier(text, tokens[index + 1]) in ("", "ASC", "DESC"):  # settings is the name of a column here
        return False
    if index + 2 == len(tokens):
        return True
    after = tokens[index + 2]
    return after.kind is TokenKind.CLOSING or after.written_in(text) == b"," or after.word in _WORDS_AFTER_SETTINGS


def refuse_dashboard_settings(names: Sequence[str]) -> None:
    """Raise ServerError 164 if a request of the user for dashboards has a setting that could change its limits."""
    for name in names:
        if not name.startswith(_SETTING_PREFIXES):
            raise _refuse_setting(name)


def _refuse_setting(name: str) -> ServerError:
    text = f"Cannot modify '{name}' setting in readonly mode: the limits of the user for dashboards are fixed"
    return ServerError(164, "READONLY", text)
