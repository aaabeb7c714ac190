#!/usr/bin/env bash
# Deploys a version, gates it, and brings the last good release back when it is not well.
# Usage: deployment/scripts/deploy.sh ENVIRONMENT [VERSION] [--image IMAGE] [--dry-run]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH="$PWD/node_modules/.bin:$PWD/script:$PATH"
exec runbook deploy "$@"
