#!/usr/bin/env bash
# Shows the end of the service's own log.
# Usage: deployment/scripts/tail-logs.sh ENVIRONMENT [--lines 100]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH="$PWD/node_modules/.bin:$PWD/script:$PATH"
exec runbook logs "$@"
