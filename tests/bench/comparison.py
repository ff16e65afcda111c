"""Variants that take turns, and the table of what they took."""

import statistics
from typing import NamedTuple


class Row(NamedTuple):
    name: str
    samples: dict  # variant's name -> numbers, one of each round

    def best(self, variant):
        return min(self.samples[variant])

    def middle(self, variant):
        return statistics.median(self.samples[variant])


def compare(name, variants, rounds, measure):
    """measure(variant) gives a number; every variant has its turn in every round."""
    samples = {variant.name: [] for variant in variants}
    for _ in range(rounds):
        for variant in variants:
            samples[variant.name].append(measure(variant))
    return Row(name, samples)


def added_ratio(row):
    """How many times what the agent adds to the wrapper heaptrack -r adds."""
    wrapper, agent = row.best("wrapper"), row.best("agent")
    if agent <= wrapper:
        return "-"
    return f"{(row.best('heaptrack -r') - wrapper) / (agent - wrapper):.1f}"


def print_header(title, variants):
    names = [variant.name for variant in variants]
    columns = [title, *names, "agent / wrapper", "added: heaptrack -r / agent"]
    print("| " + " | ".join(columns) + " |")
    print("|---" + "|--:" * (len(columns) - 1) + "|", flush=True)


def print_row(row):
    """Minima, medians in parentheses; the last column is of minima."""
    numbers = [f"{row.best(name):.4g} ({row.middle(name):.4g})" for name in row.samples]
    best = row.best("agent") / row.best("wrapper")
    middle = row.middle("agent") / row.middle("wrapper")
    columns = [row.name, *numbers, f"{best:.2f} ({middle:.2f})", added_ratio(row)]
    print("| " + " | ".join(columns) + " |", flush=True)
