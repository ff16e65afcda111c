"""A client of the Debug Adapter Protocol, as an editor is one."""

import json
import subprocess
import threading


class DapClient:
    """Speaks with an adapter through its standard streams."""

    def __init__(self, command, directory, seconds=300):
        self._process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=directory
        )
        self._timer = threading.Timer(seconds, self._process.kill)
        self._timer.start()
        self._sent = 0
        self._events = []
        self.output = ""  #: all that the adapter, the debugger and the program said so far

    def request(self, command, **arguments):
        """Sends a request; returns its number."""
        self._sent += 1
        message = {"seq": self._sent, "type": "request", "command": command, "arguments": arguments}
        text = json.dumps(message).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(text), text))
        self._process.stdin.flush()
        return self._sent

    def ask(self, command, **arguments):
        """Sends a request; returns the body of the answer, which must be a success."""
        number = self.request(command, **arguments)
        while True:
            message = self._receive()
            if message["type"] == "response" and message["request_seq"] == number:
                assert message["success"], message
                return message.get("body")

    def expect(self, event):
        """Waits for the next event of this kind; returns its body."""
        while True:
            while self._events:
                found = self._events.pop(0)
                if found["event"] == event:
                    return found.get("body")
            self._receive()

    def _receive(self):
        size = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            size = int(value) if name.lower() == b"content-length" else size
        assert size, f"the adapter has ended: {self.output}"
        message = json.loads(self._process.stdout.read(size))
        if message["type"] == "event":
            self._events.append(message)
            if message["event"] == "output":
                self.output += message["body"]["output"]
        return message

    def command(self, line):
        """Executes a line of the debugger as its console does; returns what it printed."""
        return self.ask("evaluate", expression=line, context="repl").get("result", "")

    def close(self):
        """Ends the adapter, and the program with it."""
        self._timer.cancel()
        self._process.stdin.close()
        self._process.terminate()
        self._process.wait()
        self._process.stdout.close()
