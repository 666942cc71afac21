#!/usr/bin/env bash
# Records tests/goldens/sql/*.expected by running the scripts in real Flink (jars from PyPI).
#   record.sh [NAME…]          record all scripts, or those whose file name matches a NAME glob
#   record.sh --check [NAME…]  run them and compare with what is recorded; exit code 1 when one differs
# Needs bash, python3 with pip, and a JDK (17 or later). Jars and classes are kept in the user's cache.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
goldens=$(cd "$here/../goldens" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/streamjob/oracle

mode=record
if [ "${1:-}" = "--check" ]; then
  mode=check
  shift
fi

lib=$("$here/../../scripts/install-flink")

classes=$cache/classes
if [ ! "$classes/Oracle.class" -nt "$here/Oracle.java" ]; then
  mkdir -p "$classes"
  javac -nowarn -d "$classes" -cp "$lib/*" "$here/Oracle.java"
fi

scripts=()
for pattern in "${@:-*}"; do
  pattern=${pattern%.sql}
  for file in "$goldens"/sql/$pattern.sql; do
    [ -f "$file" ] && scripts+=("$file")
  done
done
if [ ${#scripts[@]} -eq 0 ]; then
  echo "record.sh: no script in $goldens/sql matches" >&2
  exit 1
fi

# Clock zone, language and encoding are fixed, since they show in the results.
# Java 17 guards packages that Flink's serialisers reflect into.
log=$cache/oracle.log
status=0
java -Xmx2g -Duser.timezone=UTC -Duser.language=en -Duser.country=US -Dfile.encoding=UTF-8 \
  -Dlog4j.configurationFile="$here/log4j2.properties" \
  --add-opens=java.base/java.lang=ALL-UNNAMED --add-opens=java.base/java.util=ALL-UNNAMED \
  --add-opens=java.base/java.net=ALL-UNNAMED --add-opens=java.base/java.io=ALL-UNNAMED \
  --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/java.time=ALL-UNNAMED \
  --add-opens=java.base/java.lang.reflect=ALL-UNNAMED --add-opens=java.base/java.text=ALL-UNNAMED \
  --add-opens=java.base/java.util.concurrent=ALL-UNNAMED \
  --add-opens=java.base/java.util.concurrent.atomic=ALL-UNNAMED \
  --add-opens=java.base/java.util.concurrent.locks=ALL-UNNAMED \
  -cp "$classes:$lib/*" Oracle "$mode" "$goldens/data" "${scripts[@]}" 2>"$log" || status=$?
if [ "$status" -ne 0 ]; then
  tail -n 20 "$log" >&2
  echo "record.sh: failed, or a script differs (exit code $status); errors of the JVM: $log" >&2
fi
exit "$status"
