/**
 * What gdb runs, in its own Python: a breakpoint at each probe, which writes what is there as a line
 * of JSON to descriptor 3 and lets the program go on. Numbers are texts, since they have 64 bits.
 */
export const BREAKPOINTS = String.raw`
import gdb, json, os, time

PAGE = 4096
MOST = 65536

def write(line):
    data = (json.dumps(line) + "\n").encode()
    while data:
        data = data[os.write(3, data):]

def text(at):
    memory = b""
    while len(memory) < MOST:
        part = bytes(gdb.selected_inferior().read_memory(at + len(memory), PAGE - (at + len(memory)) % PAGE))
        end = part.find(b"\0")
        memory += part if end < 0 else part[:end]
        if end >= 0:
            break
    return memory.decode("utf-8", "replace")

def number(argument, frame):
    if argument["type"] == "constant":
        return int(argument["value"], 0)
    value = int(frame.read_register(argument["register"])) & (2 ** 64 - 1)
    if argument["type"] == "register":
        return value
    return int.from_bytes(bytes(gdb.selected_inferior().read_memory(value + argument["distance"], argument["size"])), "little")

def read(argument, frame):
    try:
        value = number(argument, frame)
        if argument["kind"] == "text":
            return text(value)
        if argument["kind"] == "bytes":
            length = min(number(argument["length"], frame), MOST)
            return bytes(gdb.selected_inferior().read_memory(value, length)).hex() if length else ""
        return str(value)
    except Exception:
        return None

class Probe(gdb.Breakpoint):
    def __init__(self, id, address, arguments):
        super().__init__("*" + address, internal=True)
        self.id = id
        self.arguments = arguments

    def stop(self):
        now = str(time.monotonic_ns())
        frame = gdb.selected_frame()
        values = [argument and read(argument, frame) for argument in self.arguments]
        write([self.id, now, gdb.selected_thread().ptid[1], values])
        return False

if gdb.selected_inferior().pid == 0:
    write("not attached")
else:
    for id, (address, arguments) in enumerate(json.loads(QUESTION)):
        Probe(id, address, arguments)
    write("ready")
`;
