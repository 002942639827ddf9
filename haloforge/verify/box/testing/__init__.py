"""The side that makes the verdict: it runs the tests, with every name they take from the solution bound to a proxy.

The solution's process is at the other end of a channel and is never believed. It can only claim values, and they arrive
as plain data. What a proxy can be asked for is chosen so that no answer decides a comparison with a value of the tests.
"""
