#!/usr/bin/env bash
# Dumps the database of an environment (default: production), and verifies the dump by restoring it.
# Usage: deployment/scripts/backup-db.sh [ENVIRONMENT]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH="$PWD/node_modules/.bin:$PWD/script:$PATH"
case "${1:--}" in -*) set -- production "$@" ;; esac
exec runbook backup-db "$@"
