"""Saved results (the schema tmpalloc/2), with everything where it is named by number."""

import json


def expanded(text, native_frames=False):
    """The document with strings in frames, frames in stacks and stacks in sites.

    Sites have the fields that follow from these: their location, and what was freed while its call
    was still active.  The interpreter's own frames are left out where there are Python frames.
    """
    document = json.loads(text)
    strings = document.pop("strings")
    for frame in document["frames"]:
        for name in ("function", "file", "module"):
            frame[name] = None if frame[name] is None else strings[frame[name]]
    interpreters = [] if native_frames else document["process"]["interpreters"]
    for site in document["sites"]:
        expand_site(site, document, interpreters)
    del document["frames"], document["stacks"]
    return document


def read_results(path, **more):
    return expanded(path.read_text(), **more)


def track_work(debugger, program, start, before=(), ready=(), begin=None):
    """Tracks what a program does between begin_work() and end_work(); its results, and the session's.

    before: steps before it is run, by `begin`; ready: steps when it is at begin_work().
    """
    report = debugger.directory / "report.json"
    steps = [
        *before,
        debugger.break_at("begin_work"),
        debugger.break_at("end_work"),
        begin or debugger.run(),
        *ready,
        start,
        debugger.continue_(),
        f"tmpalloc report json {report}",
        "tmpalloc stop",
        debugger.continue_(),
    ]
    result = debugger.session(program, steps)
    assert report.exists(), result.text
    return read_results(report), result


def expand_site(site, document, interpreters):
    frames = [document["frames"][number] for number in document["stacks"][site["stack"]]]
    index = site["location"]["caller"]
    outer = sum(not f["inlined"] and f["language"] == "native" for f in frames[index:])
    pairs = [*site["by_distance"], *[[0, 0]] * (document["max_threshold"] + 1)]
    pairs = pairs[: document["max_threshold"] + 1]
    cut = site["truncated"] or site["free_truncated"]
    same_scope = [
        scope for scope in site.pop("scopes") if scope[0] <= document["threshold"] and scope[1] >= outer
    ]
    site["by_distance"] = [{"count": count, "bytes": size} for count, size in pairs]
    site["location"] = frames[index]
    site["same_scope"] = None if cut else sum(scope[2] for scope in same_scope)
    site["stack"] = shown(frames, interpreters)
    site["free_counts"] = [free.get("count") for free in site["free_stacks"]]
    site["free_stacks"] = [
        shown([document["frames"][i] for i in document["stacks"][free["stack"]]], interpreters)
        for free in site["free_stacks"]
    ]


def shown(frames, interpreters):
    if not any(frame["language"] == "python" for frame in frames):
        return frames
    first = next(i for i, frame in enumerate(frames) if not frame["inlined"]) + 1
    return frames[:first] + [f for f in frames[first:] if f["module"] not in interpreters]
