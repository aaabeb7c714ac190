#!/usr/bin/env bash
# Encrypts the env-file of an environment (default: production) beside itself: to the age recipients of the runbook, or, where
# RUNBOOK_ENCRYPT_PASSPHRASE is set, with GnuPG and that passphrase.
# Usage: deployment/scripts/env-encrypt.sh [ENVIRONMENT]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
export PATH="$PWD/node_modules/.bin:$PWD/script:$PATH"
case "${1:--}" in -*) set -- production "$@" ;; esac
exec runbook env:encrypt "$@"
