"""Scores, baselines, intervals and resampling: the statistics behind verdicts and comparisons."""
