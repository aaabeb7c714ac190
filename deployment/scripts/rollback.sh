#!/usr/bin/env bash
# Brings the last good release, or a named one, back whole.
# Usage: deployment/scripts/rollback.sh ENVIRONMENT [VERSION|RELEASE|REVISION] [--with-db --confirm ENVIRONMENT] [--dry-run]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH="$PWD/node_modules/.bin:$PWD/script:$PATH"
exec runbook rollback "$@"
