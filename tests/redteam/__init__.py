"""Attacks on a model that Strongroom serves, with its defences off and on, and what they achieve.

Everything asks through the `strongroom` command, as a customer would. See docs/redteam.md.
"""
