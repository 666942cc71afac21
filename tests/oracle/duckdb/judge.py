"""Compares StreamJob's results with DuckDB's. See judge.sh.

A case is a script (a golden of that name, or the one in its `script` part) and a
DuckDB query that means the same. StreamJob's printed changes are applied one by
one (+I and +U add a row, -U and -D take one away); what is left must be DuckDB's
rows, in any order. Numbers of type DOUBLE may differ in the twelfth digit.
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path

import duckdb

HERE = Path(__file__).resolve().parent
GOLDENS = HERE.parent.parent / "goldens"
DATA = GOLDENS / "data"
FLIGHTS = HERE.parent.parent.parent / "examples" / "flights"

# Input tables, as the goldens declare them.
TABLES = {
    "orders": ("orders.csv", "order_id INT, customer VARCHAR, amount DECIMAL(10, 2), qty INT, ts TIMESTAMP"),
    "pairs": ("pairs.csv", "id INT, k VARCHAR, v INT"),
    "ints": ("ints.csv", "id INT, x INT, y INT"),
    "nums": ("nums.csv", 'id INT, t TINYINT, sm SMALLINT, b BIGINT, f FLOAT, d DOUBLE, "dec" DECIMAL(10, 2)'),
    "words": ("words.csv", "id BIGINT, s VARCHAR"),
    "events": ("events.csv", "id INT, k VARCHAR, v INT, ts TIMESTAMP"),
    "late": ("late.csv", "id INT, k VARCHAR, v INT, ts TIMESTAMP"),
}


def cases():
    """Name, script and query of each case in cases.sql."""
    parts = re.split(r"^-- case: *(\S+) *$", (HERE / "cases.sql").read_text(), flags=re.M)
    for name, body in zip(parts[1::2], parts[2::2]):
        script, _, query = body.rpartition("-- duckdb:")
        golden = GOLDENS / "sql" / f"{name}.sql"
        if not script.strip():
            script = golden.read_text()
        elif golden.exists():
            sys.exit(f"judge: case {name} has a script of its own and the name of a golden")
        yield name, script.replace("${DATA}", str(DATA)).replace("${FLIGHTS}", str(FLIGHTS)), query.strip()


def database():
    """DuckDB with the input of the goldens and of the example."""
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    for table, (file, columns) in TABLES.items():
        db.execute(f"CREATE TABLE {table} ({columns})")
        width = len(columns.replace("DECIMAL(10, 2)", "DECIMAL").split(","))
        rows = []
        for line in (DATA / file).read_text().splitlines():
            fields = parse_csv(line)
            rows.append([None if f == "NULL" else f for f in fields])
            if len(fields) != width:
                sys.exit(f"judge: {file} has a row with {len(fields)} fields, expected {width}")
        db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", rows)
    db.execute(
        f"""CREATE TABLE flights AS SELECT * FROM read_csv('{FLIGHTS / "flights-2013-01.csv"}', header = false,
        columns = {{'scheduled': 'TIMESTAMP', 'carrier': 'VARCHAR', 'flight': 'INT', 'origin': 'VARCHAR',
        'dest': 'VARCHAR', 'departure_delay': 'INT', 'arrival_delay': 'INT', 'distance': 'INT'}})"""
    )
    # Rows of a window function as a stream sees them: the watermark that is in
    # force when a row comes is the largest time before it, less the delay.
    for name, table, delay in [("seen", "events", 2), ("seen_late", "late", 0)]:
        db.execute(
            f"""CREATE VIEW {name} AS SELECT *, max(ts) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
            - INTERVAL {delay} SECOND AS watermark FROM {table}"""
        )
    db.execute(
        "CREATE MACRO on_time(watermark, window_end) AS watermark IS NULL OR watermark < window_end - INTERVAL 1 MILLISECOND"
    )
    return db


def parse_csv(line):
    """Fields of a line, quotes taken off."""
    fields, rest = [], line
    while True:
        match = re.match(r'"((?:[^"]|"")*)"(,|$)|([^,]*)(,|$)', rest)
        quoted = match.group(1) is not None
        fields.append(match.group(1).replace('""', '"') if quoted else match.group(3))
        if not match.group(2 if quoted else 4):
            return fields
        rest = rest[match.end() :]


def run(streamjob, name, script):
    """The lines that the script prints."""
    with tempfile.TemporaryDirectory(prefix="judge-") as folder:
        file = Path(folder) / f"{name}.sql"
        file.write_text(script)
        done = subprocess.run(
            [streamjob, "run", str(file), "--from", "none"], cwd=folder, capture_output=True, text=True, timeout=120
        )
    if done.returncode != 0:
        raise ValueError(f"streamjob ends with {done.returncode}: {done.stderr.strip()[-2000:]}")
    return [line for line in done.stdout.splitlines() if re.match(r"[+-][IUD]\[", line)]


def materialise(lines, width):
    """Rows that are left once all changes are applied."""
    rows = Counter()
    for line in lines:
        values = tuple(line[3:-1].split(", "))
        if len(values) != width:
            raise ValueError(f"{line} has {len(values)} values, DuckDB's rows {width}")
        if line[:2] in ("+I", "+U"):
            rows[values] += 1
        elif rows[values] > 0:
            rows[values] -= 1
        else:
            raise ValueError(f"{line} takes away a row that is not there")
    return +rows


def number(text):
    return f"{float(text):.12g}"


def as_printed(value):
    """A value of DuckDB in the form to compare."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case float():
            return number(value)
        case Decimal():
            return format(value, "f")
        case datetime():
            text = value.isoformat(timespec="milliseconds")
            text = text.removesuffix(".000")
            return text.removesuffix(":00") if text.count(":") == 2 else text
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)


def judge(db, lines, query):
    """None when both agree, else what differs."""
    cursor = db.execute(query)
    types = [str(column[1]) for column in cursor.description]
    doubles = [t in ("DOUBLE", "FLOAT") for t in types]
    expected = Counter(tuple(as_printed(v) for v in row) for row in cursor.fetchall())
    if not expected:
        return "DuckDB gives no row, so the case proves nothing"
    got = Counter()
    for row, count in materialise(lines, len(types)).items():
        got[tuple(number(v) if d and v != "null" else v for v, d in zip(row, doubles))] += count
    if got == expected:
        return None
    only = lambda a, b: "\n".join(f"    {', '.join(r)}  × {n}" for r, n in sorted((a - b).items())[:10])
    return f"  only StreamJob:\n{only(got, expected)}\n  only DuckDB:\n{only(expected, got)}"


def main():
    streamjob, *wanted = sys.argv[1:]
    streamjob = str(Path(streamjob).resolve())
    db = database()
    wrong = right = 0
    chosen = [case for case in cases() if not wanted or case[0] in wanted]
    with ThreadPoolExecutor(4) as pool:
        outputs = [(name, pool.submit(run, streamjob, name, script), query) for name, script, query in chosen]
    for name, lines, query in outputs:
        try:
            difference = judge(db, lines.result(), query)
        except (ValueError, duckdb.Error, subprocess.TimeoutExpired) as e:
            difference = f"  {e}"
        if difference is None:
            right += 1
        else:
            wrong += 1
            print(f"judge: {name}: StreamJob and DuckDB differ\n{difference}")
    print(f"judge: {right} scripts agree with DuckDB {duckdb.__version__}, {wrong} do not")
    sys.exit(1 if wrong or not right else 0)


if __name__ == "__main__":
    main()
