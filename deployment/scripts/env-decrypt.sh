#!/usr/bin/env bash
# Writes the env-file of an environment (default: production) out of its encrypted form, mode 600. RUNBOOK_DECRYPT_WITH holds the
# age identity, or the passphrase.
# Usage: deployment/scripts/env-decrypt.sh [ENVIRONMENT]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH="$PWD/node_modules/.bin:$PWD/script:$PATH"
case "${1:--}" in -*) set -- production "$@" ;; esac
exec runbook env:decrypt "$@"
