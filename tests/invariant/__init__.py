# SPDX-License-Identifier: MIT
"""A server that sends wrong data at random, and a checker that knows the correct data: see scripts/invariant."""
