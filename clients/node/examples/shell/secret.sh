#!/bin/sh
# A script that may not touch the keychain asks the family's broker. The secret goes
# through pipes: it is in no argument and in no environment.
set -eu
: "${KINRING_FAMILY:?names the family, such as codex}"

kinring get auth | "$@"
