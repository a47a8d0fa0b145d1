# SPDX-License-Identifier: MIT
"""Many nights of skyarc sync on an emulated service: modules of scripts/month and scripts/model-sync.

world   creates runs that end and grow at simulated times, and runs the real binary at these times
volume  reads volumes without skyarc
model   damages a sync directory at random, and checks its invariants
"""
