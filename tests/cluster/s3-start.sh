#!/usr/bin/env bash
# The S3 server comes back after s3-stop.sh.
# shellcheck source=tests/cluster/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/cluster/s3.sh
. "$cluster/s3.sh"
need_running
alive s3 || s3_up
