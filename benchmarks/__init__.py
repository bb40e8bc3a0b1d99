"""Measured claims, each a ratio to a baseline of the same run: ``make bench`` prints one table.

The bot is the real one, a process started with ``serve``; clusters and Slack are the sandbox's, on loopback.
"""
