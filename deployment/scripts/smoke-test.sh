#!/usr/bin/env bash
# Sends a suite of requests and a bounded load.
# Usage: deployment/scripts/smoke-test.sh [ENVIRONMENT, default staging] [-n 1000 -c 10]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH="$PWD/node_modules/.bin:$PWD/script:$PATH"
case "${1:--}" in -*) set -- staging "$@" ;; esac
exec runbook smoke-test "$@"
