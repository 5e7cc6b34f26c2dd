"""The vectors of the oracle: which values are sent to Detect, and what NumPy answers.

notation        how the suite's file writes a list of values
dice            random values that are the same on every machine
case            a vector: name, rule, reason, values
wrong_methods   detectors that are almost right
boundary        values on the very edge of two standard deviations
families        vectors that are built by a rule
tells           vectors that are searched: each tells a wrong method from the right one
"""
