# SPDX-License-Identifier: MIT
"""skyarc sync on an emulated service, night after night: what scripts/month and scripts/model-sync share.

world   runs that are made, end and grow by a clock of their own, and the real binary at that clock
volume  what a volume holds, by other people's readers
model   what must hold of a sync directory, whatever happens to it
"""
