# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of a child process that runs one network: a file from outside never runs in the process that asks.

It imports nothing of the package. Messages on its standard streams, both ways: a length of 8 bytes (little-endian),
so much JSON, then the raw bytes of the arrays that the JSON lists under "arrays" as (dtype, shape).
"""

import contextlib
import json
import math
import os
import re
import signal
import struct
import sys

import numpy as np

LARGEST_ANSWER = 1 << 27
"""An answer with more numbers than this is not sent."""


def send(stream, told, arrays=()):
    """One message, arrays in C order."""
    arrays = [np.asarray(array, order="C") for array in arrays]  # keeps a shape of no axes, too
    head = json.dumps({**told, "arrays": [(array.dtype.str, array.shape) for array in arrays]}).encode()
    stream.write(struct.pack("<Q", len(head)) + head)
    for array in arrays:
        stream.write(array.tobytes())
    stream.flush()


def receive(stream):
    """(what was told, arrays) of the next message. Raises EOFError where the other end is gone, ValueError where it is
    no message."""
    (size,) = struct.unpack("<Q", _exactly(stream, 8))
    if size > 1 << 20:
        raise ValueError("no message")
    loaded = json.loads(_exactly(stream, size))
    arrays = []
    for name, shape in loaded.pop("arrays"):
        kind = np.dtype(name)
        count = math.prod(shape)
        if kind.kind not in "fiub" or not 0 <= count <= LARGEST_ANSWER:
            raise ValueError("no message")
        arrays.append(np.frombuffer(_exactly(stream, count * kind.itemsize), kind).reshape(shape))
    return loaded, arrays


def _exactly(stream, count):
    data = stream.read(count)
    if len(data) < count:
        raise EOFError
    return data


class Refused(Exception):
    """The runtime will not have the file, or the picture."""


def main():
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is not part of an answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            told, arrays = receive(sys.stdin.buffer)
            try:
                if told["do"] == "open":  # always the first
                    _limit(told["memory_bytes"])
                    runtime, run = _opened(told["path"], told["engine"], told["threads"])
                    send(answers, {"runtime": runtime})
                else:
                    outputs = run(dict(zip(told["inputs"], arrays, strict=True)), told["outputs"])
                    if any(out.size > LARGEST_ANSWER for out in outputs):
                        raise Refused("its answer is larger than any picture")
                    if any(out.dtype.kind not in "fiub" for out in outputs):
                        raise Refused("its answer is not made of numbers")
                    send(answers, {}, outputs)
            except MemoryError:
                send(answers, {"memory": True})
            except Refused as error:
                send(answers, {"error": str(error), "memory": _of_memory(str(error))})


def _of_memory(text):
    return any(words in text.lower() for words in ("bad_alloc", "failed to allocate", "out of memory", "insufficient"))


def _limit(memory_bytes):
    """No more memory than this, and no core file after a crash, where the system knows such limits."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _opened(path, engine, threads):
    """(the runtime's name, its run(inputs, outputs))."""
    if engine != "OPENCV":
        try:
            import onnxruntime
        except ImportError as error:
            if engine == "ONNXRUNTIME":
                raise Refused(f"onnxruntime is not there ({_short(error)})") from None
        else:
            return f"onnxruntime {onnxruntime.__version__}", _onnxruntime(onnxruntime, path, threads)
    import cv2

    return f"OpenCV {cv2.__version__} DNN", _opencv(cv2, path, threads)


def _onnxruntime(onnxruntime, path, threads):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its own classes, all plain Exceptions
        raise Refused(_short(error)) from None

    def run(inputs, outputs):
        try:
            return [np.asarray(out) for out in session.run(outputs, inputs)]
        except Exception as error:
            raise Refused(_short(error)) from None

    return run


def _opencv(cv2, path, threads):
    cv2.setNumThreads(threads)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        net = cv2.dnn.readNetFromONNX(path, cv2.dnn.ENGINE_AUTO)
    except cv2.error as error:
        raise Refused(_short(error)) from None
    if net.empty():
        raise Refused("it gave back an empty network")

    def run(inputs, outputs):
        try:
            for name, array in inputs.items():
                net.setInput(array if array.dtype == np.uint8 else array.astype(np.float32), name)
            return [np.asarray(out) for out in net.forward(outputs)]
        except cv2.error as error:
            raise Refused(_short(error)) from None

    return run


def _short(error):
    """What a runtime says at last, without the way there."""
    text = re.split(r"Status Message: |failed: ?|\w+\.(?:cc|h):\d+ ", " ".join(str(error).split()))[-1]
    return text[:220].rstrip(". ") if text else type(error).__name__


if __name__ == "__main__":
    main()
