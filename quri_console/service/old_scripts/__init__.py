"""Reads the bash scripts' world (crontab, thresholds, webhooks, canister ids) and proposes a configuration.

Parsed only: nothing of it is executed, sourced or expanded by a shell, and no address of a webhook leaves this room
but for the secret file that it goes into.
"""
