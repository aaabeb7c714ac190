#!/usr/bin/env bash
# Proves, before anything is changed, that a deploy (default: to production) and its way back can work.
# Usage: deployment/scripts/pre-deploy.sh [ENVIRONMENT]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH="$PWD/node_modules/.bin:$PWD/script:$PATH"
case "${1:--}" in -*) set -- production "$@" ;; esac
exec runbook pre-deploy-check "$@"
