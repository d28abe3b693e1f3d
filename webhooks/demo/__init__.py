"""The demo organization: four played platforms, some rules, two weeks of tickets. Nothing of it leaves the sandbox."""
