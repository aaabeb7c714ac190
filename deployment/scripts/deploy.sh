#!/usr/bin/env bash
# Deploys a version, gates it, smoke-tests it, and brings the last good release back when it is not well. Checks and backup are
# commands of their own (pre-deploy.sh, backup-db.sh); `runbook promote` does them, too.
# Usage: deployment/scripts/deploy.sh ENVIRONMENT [VERSION] [--image IMAGE] [--dry-run]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH="$PWD/node_modules/.bin:$PWD/script:$PATH"
exec runbook deploy "$@"
