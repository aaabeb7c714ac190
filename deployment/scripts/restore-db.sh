#!/usr/bin/env bash
# Restores a backup beside the live database, then swaps them by name.
# Usage: deployment/scripts/restore-db.sh BACKUP [--confirm ENVIRONMENT]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH="$PWD/node_modules/.bin:$PWD/script:$PATH"
exec runbook restore-db "${ENVIRONMENT:-production}" "$@"
