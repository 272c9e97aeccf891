#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# The tests of the harness itself.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

phase "check-harness" check-harness
"$ROOT/tests/run.sh" | tee "$LOG"
# The tables of docs/bugs.md are generated from harness/reproduce.table.
"$ROOT/harness/bugs.py" --check
