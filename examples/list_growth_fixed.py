def foo(n):
    x = [None] * n
    return x


foo(1_000_000)
