#!/usr/bin/env bash
# The S3 server goes away: connections are refused. s3-start.sh brings it back with what it held.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/cluster/s3.sh
. "$cluster/s3.sh"
need_running
s3_down
