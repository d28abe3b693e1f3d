"""Scripts with expressions in them: values become environment variables, and only where that is all they can be.

* `pieces`: the author's own text and the places of values in it
* `shell`: reads a shell script just far enough to know where each value stands
* `commands`: which words of a command a value may be
* `python`: the same for Python, by its own parser
* `text`: a script ready to be filled in
"""
