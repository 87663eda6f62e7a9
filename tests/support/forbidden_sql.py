"""SQL that tries to reach the server's files, other hosts or more rights; the server has to refuse all of it."""

from __future__ import annotations

import itertools
import random
import re
from pathlib import Path

CANARY = "the-canary-that-must-not-be-read"
# query parameters that some statements use
PARAMETERS = {"param_f": "file", "param_s": "a UInt8, x String ALIAS file('/etc/hostname')"}
_DEAD = "http://127.0.0.1:1"

_SOURCES = [
    "file('{canary}', 'LineAsString')",
    "file('{canary}')",
    "fileCluster('default', '{canary}', 'LineAsString')",
    "url('{dead}/x', 'CSV', 'x String')",
    "urlCluster('default', '{dead}/x', 'CSV', 'x String')",
    "s3('{dead}/bucket/x.csv', 'CSV', 'x String')",
    "gcs('{dead}/bucket/x.csv', 'CSV', 'x String')",
    "remote('127.0.0.1:1', 'system.one')",
    "remoteSecure('127.0.0.1:1', 'system.one')",
    "cluster('default', system.one)",
    "postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "sqlite('{canary}', 't')",
    "mongodb('127.0.0.1:1', 'a', 'b', 'c', 'd', 'x Int')",
    "redis('127.0.0.1:1', 'k', 'k Int')",
    "executable('x.sh', 'CSV', 'x Int')",
    "hdfs('hdfs://127.0.0.1:1/a', 'CSV', 'x Int')",
    "azureBlobStorage('{dead}', 'c', 'p', 'a', 'b', 'CSV', 'auto', 'x Int')",
    "jdbc('a', 'b', 'c')",
    "odbc('a', 'b', 'c')",
    "iceberg('{dead}/bucket/x')",
    "icebergLocal('{folder}')",
    "deltaLakeLocal('{folder}')",
    "hudi('{dead}/bucket/x')",
    "Python(secret)",
    "python(secret)",
    "eval('SELECT 1')",
    "eval(concat('SELECT fi', 'le(''{canary}'')'))",
    "filesystem('{folder}')",
    "paimonLocal('{folder}')",
    "dictionary('x')",
    "format(Values, 'x String', '(file(''{canary}''))')",
    "format('Values', 'x String', '(file(''{canary}''))')",
    "format(Values, 'x String', $$(file('{canary}'))$$)",
    "format(Values, 'x String', concat('(fi', 'le(''{canary}''))'))",
    "`format`(Values, 'x String', '(file(''{canary}''))')",
    "format/* x */(JSONEachRow, 'a String, x String DEFAULT file(''{canary}'')', '{{\"a\":\"1\"}}')",
    'format(JSONEachRow, \'{{"a":"1"}}\')',
    "format(CSV, 'x UInt8', 'a') SETTINGS input_format_record_errors_file_path = '{target}'",
    "generateRandom('a UInt8, x String ALIAS file(''{canary}'')')",
    "generateRandom(('a UInt8, x String DEFAULT file(''{canary}'')'))",
    "generateRandom(concat('a UInt8, x String ALI', 'AS file(''{canary}'')'))",
    "generateRandom('a UInt8, x String AL' || 'IAS file(''{canary}'')')",
    "generateRandom({{s:String}})",
    "generateRandom('x String D\\x45FAULT file(''{canary}'')')",
    "`generateRandom`($$a UInt8, x String MATERIALIZED file('{canary}')$$)",
    "values('a UInt8, x String DEFAULT file(''{canary}'')', (1, 'x'))",
    "VALUES(concat('a UInt8, x String DEF', 'AULT 1'), (1, 'x'))",
    "null('a UInt8, x String ALIAS file(''{canary}'')')",
    "null({{s:String}})",
    "loop(values('a UInt8'))",
    "fuzzJSON('x', 'y')",
    "viewIfPermitted(SELECT * FROM file('{canary}') ELSE null('x String'))",
    "viewIfPermitted(SELECT 1 AS x ELSE null('x String ALIAS file(''{canary}'')'))",
]
_WRAPPINGS = [
    "SELECT * FROM {}",
    "SELECT count() FROM (SELECT * FROM {})",
    "WITH t AS (SELECT * FROM {}) SELECT * FROM t",
    "CREATE TABLE stolen ENGINE = Memory AS SELECT * FROM {}",
    "INSERT INTO victim SELECT * FROM {}",
    "DESCRIBE TABLE {}",
    "select/**/*/**/from/* x /* y */ */\n{}",
]
_SCALARS = [
    "file('{canary}')",
    "file ('{canary}')",
    "file/**/('{canary}')",
    "`file`('{canary}')",
    "\"file\"('{canary}')",
    "`f\\x69le`('{canary}')",
    "arrayMap(file, ['{canary}'])",
    "arrayMap(x -> file(x), ['{canary}'])",
    "toTypeName(file('{canary}'))",
    "concat(file('{canary}'), '')",
    "arrayMap(`file`, ['{canary}'])",
    "FILE('{canary}')",
    "{{f:Identifier}}('{canary}')",
    "if(1, file('{canary}'), '')",
    "\u201cfile\u201d('{canary}')",
]
_SCALAR_WRAPPINGS = [
    "SELECT {}",
    "SELECT 1 WHERE notEmpty({})",
    "INSERT INTO victim VALUES ({})",
    "INSERT INTO victim (x) FORMAT Values ({})",
    "CREATE TABLE stolen (x String DEFAULT {}) ENGINE = Memory",
    "CREATE VIEW stolen_view AS SELECT {} AS x",
    "ALTER TABLE victim UPDATE x = {} WHERE 1",
]
_STATEMENTS = [
    "SELECT * APPLY file FROM (SELECT '{canary}' AS x)",
    "SELECT * APPLY(file) FROM (SELECT '{canary}' AS x)",
    "SELECT COLUMNS('x') APPLY(y -> file(y)) FROM (SELECT '{canary}' AS x)",
    "SELECT * FROM `{canary}`",
    "SELECT * FROM '{canary}'",
    "SELECT 1 INTO OUTFILE '{target}'",
    "SELECT 1 INTO OUTFILE '{target}' TRUNCATE FORMAT CSV",
    "SELECT 1 into/**/outfile '{target}'",
    "SELECT 1 INTO -- x\nOUTFILE '{target}'",
    "SELECT 1 # x\nINTO OUTFILE '{target}'",
    "SELECT 1 FORMAT CSV INTO OUTFILE '{target}'",
    "(SELECT 1) INTO OUTFILE '{target}' AND STDOUT",
    "SHOW TABLES INTO OUTFILE '{target}'",
    "EXPLAIN SELECT 1 INTO OUTFILE '{target}'",
    "DESCRIBE TABLE system.one INTO OUTFILE '{target}'",
    "INSERT INTO victim FROM INFILE '{canary}' FORMAT LineAsString",
    "INSERT INTO victim from/**/infile '{canary}' FORMAT LineAsString",
    "INSERT INTO victim FROM INFILE '{canary}'",
    "INSERT INTO FUNCTION file('{target}', 'CSV', 'x String') VALUES ('x')",
    "INSERT INTO FUNCTION file('{target}') SELECT 'x'",
    "INSERT INTO FUNCTION url('{dead}/') SELECT 1",
    "INSERT INTO TABLE FUNCTION remote('127.0.0.1:1', 'a.b') SELECT 1",
    "INSERT INTO victim SELECT * FROM input('x String') FORMAT CSV x",
    "CREATE TABLE stolen (x String) ENGINE = File(CSV)",
    "CREATE TABLE stolen (x String) ENGINE = File(LineAsString, '{canary}')",
    "CREATE TABLE stolen (x String) ENGINE = URL('{dead}/', 'CSV')",
    "CREATE TABLE stolen (x String) ENGINE = S3('{dead}/bucket/x', 'CSV')",
    "CREATE TABLE stolen (x String) ENGINE FileLog('{folder}', 'CSV')",
    "CREATE TABLE stolen (x String) ENGINE = `FileLog`('{folder}', 'CSV')",
    "CREATE TABLE stolen (x String) ENGINE = Executable('x.sh', 'CSV')",
    "CREATE TABLE stolen (x Int) ENGINE = Distributed('a', 'b', 'c')",
    "CREATE TABLE stolen (x Int) ENGINE = Buffer('default', 'victim', 1, 1, 1, 1, 1, 1, 1)",
    "CREATE TABLE stolen (x Int) ENGINE = EmbeddedRocksDB(0, '{target}') PRIMARY KEY x",
    "CREATE TEMPORARY TABLE stolen (x String) ENGINE = File(CSV)",
    "CREATE MATERIALIZED VIEW stolen ENGINE = File(CSV) AS SELECT 1 AS x",
    "CREATE TABLE stolen (x Int) ENGINE = MergeTree ORDER BY x SETTINGS disk = disk(type = local, path = '{target}/')",
    "CREATE TABLE stolen (x Int) ENGINE = MergeTree ORDER BY x SETTINGS disk = disk(type = web, endpoint = '{dead}/')",
    "CREATE TABLE stolen (x Int) ENGINE = MergeTree ORDER BY x SETTINGS storage_policy = 'other'",
    "ALTER TABLE victim MODIFY SETTING disk = disk(type = local, path = '{target}/')",
    "ATTACH TABLE stolen FROM '{folder}' (x Int) ENGINE = MergeTree ORDER BY x",
    "ATTACH TABLE stolen (x String) ENGINE = File(CSV)",
    "CREATE DATABASE stolen ENGINE = Filesystem('{folder}')",
    "CREATE DATABASE stolen ENGINE = SQLite('{canary}')",
    "CREATE DATABASE stolen ENGINE = PostgreSQL('127.0.0.1:1', 'a', 'b', 'c')",
    "CREATE DATABASE stolen ENGINE = MySQL('127.0.0.1:1', 'a', 'b', 'c')",
    "CREATE DATABASE stolen ENGINE = Backup('default', File('{folder}'))",
    "CREATE DATABASE stolen ENGINE = DataLakeCatalog('{dead}/') SETTINGS catalog_type = 'rest', warehouse = 'x'",
    "CREATE DATABASE stolen ENGINE Lazy(1)",
    "CREATE DATABASE stolen ENGINE = Overlay('default', 'system')",
    "DROP DATABASE default",
    "DROP DATABASE IF EXISTS `default`",
    "DETACH DATABASE default",
    "RENAME DATABASE default TO other",
    "BACKUP DATABASE default TO File('{target}')",
    "RESTORE DATABASE default FROM File('{folder}')",
    "COPY victim TO '{target}'",
    "COPY victim FROM '{canary}'",
    "SYSTEM SHUTDOWN",
    "SYSTEM KILL",
    "SYSTEM RELOAD CONFIG",
    "SYSTEM STOP MERGES",
    "SYSTEM DROP MARK CACHE",
    "SYSTEM FLUSH LOGS",
    "CREATE USER stolen",
    "CREATE ROLE stolen",
    "GRANT ALL ON *.* TO default",
    "REVOKE ALL ON *.* FROM default",
    "ALTER USER default IDENTIFIED BY 'x'",
    "CREATE NAMED COLLECTION stolen AS a = 1",
    "CREATE FUNCTION stolen AS x -> file(x)",
    "CREATE FUNCTION stolen AS x -> x + 1",
    "CREATE DICTIONARY stolen (a Int) PRIMARY KEY a SOURCE(FILE(path '{canary}' format 'CSV')) LAYOUT(FLAT()) LIFETIME(0)",  # noqa: E501
    "CREATE OR REPLACE DICTIONARY stolen (a Int) PRIMARY KEY a SOURCE(HTTP(url '{dead}/' format 'CSV')) LAYOUT(FLAT()) LIFETIME(0)",  # noqa: E501
    "CREATE WORKLOAD stolen",
    "CREATE RESOURCE stolen (READ DISK x)",
    "EXECUTE AS default SELECT 1",
    "SNAPSHOT DATABASE default TO File('{target}')",
    "SELECT * FROM system.users",
    "SELECT * FROM system.grants",
    "SHOW CREATE USER default",
    "SET output_format_schema = '{target}'",
    "SET format_schema = '{canary}:X'",
    "SET dialect = 'prql'",
    "SET implicit_select = 1",
    "SET async_insert = 1",
    "SET additional_table_filters = {{'system.one': 'notEmpty(file(''{canary}''))'}}",
    "SET additional_result_filter = 'file(''{canary}'') = dummy'",
    "SET max_memory_usage = 0",
    "SET max_memory_usage = 1000000000000000",
    "SELECT 1 SETTINGS additional_result_filter = 'file(''{canary}'') = 1'",
    "SELECT 1 FORMAT CapnProto SETTINGS format_capn_proto_use_autogenerated_schema = 1, output_format_schema = '{target}'",  # noqa: E501
    "SELECT 1 FORMAT Protobuf SETTINGS format_schema = '{canary}:X'",
    "SELECT 1 FORMAT Template SETTINGS format_template_resultset = '{canary}'",
    "SELECT * FROM numbers(3) SETTINGS filter = 'file(''{canary}'') = 1'",
    "SELECT * FROM numbers(3) SETTINGS select = 'file(''{canary}'')'",
    "SELECT * FROM numbers(3) SETTINGS sort = 'file(''{canary}'')'",
    "SELECT * FROM numbers(3) SETTINGS order = 'file(''{canary}'')'",
    "SET filter = 'file(''{canary}'') = 1'",
    "SET schema_inference_hints = 'x String DEFAULT file(''{canary}'')'",
    "SET input_format_record_errors_file_path = '{target}'",
    "INSERT INTO victim SETTINGS input_format_record_errors_file_path = '{target}' FORMAT CSV\n1,2,3",
    "INSERT INTO victim VALUES ((SELECT * FROM format(Values, 'x String', '(file(''{canary}''))')))",
    "INSERT INTO victim VALUES ((SELECT x FROM generateRandom('a UInt8, x String ALIAS file(''{canary}'')') LIMIT 1))",
    "CREATE TABLE stolen ENGINE = Memory AS generateRandom('a UInt8, x String ALIAS file(''{canary}'')')",
    "CREATE TABLE stolen AS generateRandom('a UInt8, x String DEFAULT file(''{canary}'')')",
    "CREATE VIEW stolen_view AS SELECT * FROM generateRandom({{s:String}})",
    "SELECT 1 IN generateRandom('a UInt8, x String ALIAS file(''{canary}'')')",
    "INSERT INTO FUNCTION null('x String DEFAULT file(''{canary}'')') SELECT 1",
    "SELECT 1; SELECT 2",
    "SELECT 1;\nDROP TABLE victim",
    "SELECT 1 -- x\n; DROP TABLE victim",
    "SELECT 1 /* ; */ ; DROP TABLE victim",
    "SELECT '\\'; DROP TABLE victim",
    "SELECT 1 # ;\n; DROP TABLE victim",
    "SELECT $$;$$; DROP TABLE victim",
    "SELECT \u2018;\u2019; DROP TABLE victim",
    "DROP TABLE victim PARALLEL WITH DROP TABLE victim",
    "SELECT addressToLine(1)",
    "SELECT demangle(addressToSymbol(1))",
    "SELECT catboostEvaluate('{canary}', 1)",
    "SELECT * FROM mergeTreeIndex('nowhere', 'x')",
    "SELECT aiGenerate('x')",
    "SELECT 1 FORMAT DataFrame",
    "SELECT 1 FORMAT ArrowTable",
    "SELECT /* unclosed",
    "SELECT 'unclosed",
    "SELECT $tag$ unclosed",
]


def generate_statements(folder: Path) -> list[str]:
    """Return all statements; the file that they try to read and the path that they try to write are in ``folder``."""
    (folder / "canary.txt").write_text(CANARY)
    values = {"canary": folder / "canary.txt", "target": folder / "target", "folder": folder, "dead": _DEAD}
    templates = [wrapping.replace("{}", source) for wrapping, source in itertools.product(_WRAPPINGS, _SOURCES)]
    templates += [wrapping.replace("{}", scalar) for wrapping, scalar in itertools.product(_SCALAR_WRAPPINGS, _SCALARS)]
    return [template.format(**values) for template in [*templates, *_STATEMENTS]]


# one piece of a statement, which `disguise` replaces or keeps as a whole: quoted text, a comment, a word or white space
_PIECE = re.compile(
    r"""'(?:[^'\\]|\\.|'')*'|"[^"]*"|`[^`]*`|\$(\w*)\$.*?\$\1\$|(?:--|\#)[^\n]*\n?|/\*.*?\*/|\w+|\s+""", re.DOTALL
)
_GAPS = (" ", "\n", "\t", "  ", "/**/", " /* x */ ", " -- x\n", "\r\n", "\f")


def disguise(statement: str, generator: random.Random) -> str:
    """Return the statement with random letter cases in its keywords and random white space between its words."""

    def rewrite(match: re.Match[str]) -> str:
        word = match.group()
        if word.isspace():
            return generator.choice(_GAPS)
        if word.isupper() and word != "CSV":  # the statements above write keywords in capitals
            return "".join(generator.choice((letter.lower(), letter.upper())) for letter in word)
        return word

    return generator.choice(("", " ", "/* */", "\n--\n")) + _PIECE.sub(rewrite, statement)
