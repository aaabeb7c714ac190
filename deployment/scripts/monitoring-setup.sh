#!/usr/bin/env bash
# Makes alert rules and dashboards from the runbook, checks them, and uploads them to Grafana.
# Usage: deployment/scripts/monitoring-setup.sh [ENVIRONMENT, default production]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH="$PWD/node_modules/.bin:$PWD/script:$PATH"
case "${1:--}" in -*) set -- production "$@" ;; esac
exec runbook monitoring:setup "$@"
