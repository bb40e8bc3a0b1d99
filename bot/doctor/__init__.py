"""`eks-upgrade-bot doctor`: everything the bot depends on, tried against the live services; says what to fix."""
