"""A short program for the demo: counts words, and prints a report about them as JSON."""
import json

TEXT = """the quick brown fox jumps over the lazy dog and the dog sleeps on
while the fox runs through the wood and jumps over a brook""".split()


def pad(words, length):
    padded = []
    for i in range(length):
        padded.append(words[i % len(words)])
    return padded


def count(words):
    counts = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts


def lines(words):
    text = ""
    for i in range(0, len(words), 6):
        text += " ".join(words[i : i + 6]) + "\n"
    return text


words = pad(TEXT, 1200)
report = {"words": len(words), "counts": count(words), "text": lines(words)}
print(len(json.dumps(report)))
