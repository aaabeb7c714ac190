#!/usr/bin/env bash
# Sends a suite of requests and a bounded load.
# Usage: deployment/scripts/smoke-test.sh [ENVIRONMENT, default staging] [--requests 1000 --concurrency 10]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH="$PWD/node_modules/.bin:$PWD/script:$PATH"
exec runbook smoke-test "${@:-staging}"
