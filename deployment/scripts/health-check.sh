#!/usr/bin/env bash
# Probes the service until it is certain whether it is well.
# Usage: deployment/scripts/health-check.sh [ENVIRONMENT, default development] [--for 30s] [--watch [--interval 10m]]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH="$PWD/node_modules/.bin:$PWD/script:$PATH"
case "${1:--}" in -*) set -- development "$@" ;; esac
exec runbook health-check "$@"
