# SPDX-License-Identifier: MIT
"""A server that lies at random, and a judge that knows what it holds: see scripts/invariant."""
