#!/usr/bin/env bash
# The second judge: runs scripts with StreamJob and compares what their changes
# come to in the end with what DuckDB computes from the same input.
#   judge.sh STREAMJOB [CASE…]     STREAMJOB is the binary; all cases without a name
# Needs bash and python3 with venv. DuckDB comes from PyPI into the user's cache.
set -euo pipefail

version=2.0.0
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/streamjob/oracle
venv=$cache/duckdb-$version

if [ $# -lt 1 ]; then
  echo "usage: judge.sh STREAMJOB [CASE…]" >&2
  exit 2
fi
if [ ! -x "$venv/bin/python" ]; then
  mkdir -p "$cache"
  part=$(mktemp -d "$cache/duckdb-$version.XXXXXX")
  python3 -m venv "$part"
  "$part/bin/python" -m pip install --quiet --disable-pip-version-check "duckdb==$version"
  mv -T "$part" "$venv" # only a complete installation gets the name
fi
exec "$venv/bin/python" "$here/judge.py" "$@"
