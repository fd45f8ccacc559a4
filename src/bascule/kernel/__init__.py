"""The kernel: what everything stands on. Digests, canonical JSON, time, errors, text that is safe to show.

It imports nothing of ours. Nothing here touches a database, the network or a process.
"""
