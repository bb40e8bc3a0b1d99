#!/bin/sh
# `docker run IMAGE sandbox …` plays; anything else is a command of the bot.
set -eu
if [ "${1:-}" = sandbox ]; then
  shift
  exec eks-upgrade-sandbox "$@"
fi
exec eks-upgrade-bot "$@"
