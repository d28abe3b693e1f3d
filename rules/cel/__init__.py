"""The Common Expression Language as rules use it: what stands between `rules.expressions` and the library."""
