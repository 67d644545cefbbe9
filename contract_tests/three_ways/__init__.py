"""Three ways to look at one API: what the contract demands, what the vendor's document says, what was observed.

`view.three_ways(document, report, calls)` makes plain data of them, field by field, with who deviates from whom.
"""
