"""The side that runs model-written code: it loads the program and answers the calls of its tests.

Once the code has started, its process belongs to it: it may rewrite these modules, forge frames or lie about any value.
All it gains is the right to answer the calls of the tests, whose expected values it never sees. So nothing that this
side sends is more than a claimed value.
"""
