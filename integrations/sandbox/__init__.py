"""Runs scripts of organizations: one job per file, in bubblewrap or, where the operator says so, on the host itself.

* `job`: what is to be run, what it may see and how much it may use, and what came of it
* `bubblewrap`: the command that runs a job in namespaces of its own
* `host`: the command that runs a job without a sandbox
* `running`: starts a command, reads its output up to a cap, and ends it with all its descendants
"""
