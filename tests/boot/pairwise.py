"""Thinning a matrix of test cases: of all valid combinations, few in which every two values that can meet do so."""
import itertools


def combinations(factors, valid=lambda row: True):
    """All valid rows {name: value} of {name: values}, in the order of the values."""
    rows = (dict(zip(factors, values)) for values in itertools.product(*factors.values()))
    return [row for row in rows if valid(row)]


def pairs(row):
    """The pairs of values that meet in a row."""
    return set(itertools.combinations(row.items(), 2))


def thin(rows):
    """Of these rows, some that hold all pairs which any of them holds: always the first of those with the most news."""
    chosen, missing = [], set().union(*map(pairs, rows))
    while missing:
        best = max(rows, key=lambda row: len(pairs(row) & missing))
        chosen.append(best)
        missing -= pairs(best)
    return chosen
