"""The least that a client of docs/peer-protocol.md can be: one call after another, no features.

It needs the stubs that protoc generates for your service; here they are this repository's.
"""

import base64
import json
import sys

import grpc

import fibonacci_pb2
import fibonacci_pb2_grpc

channels = {}


def methods(channel):
    """Each method by its name, with the type of its request."""
    fibonacci = fibonacci_pb2_grpc.FibonacciServiceStub(channel)
    return {
        "FibonacciService/GetSequence": (
            lambda *words, **names: [fibonacci.GetSequence(*words, **names)],
            fibonacci_pb2.SequenceRequest,
        ),
        "FibonacciService/StreamSequence": (
            fibonacci.StreamSequence,
            fibonacci_pb2.SequenceRequest,
        ),
    }


def result(call):
    target = call["target"]
    channel = channels.setdefault(target, grpc.insecure_channel(target))
    method, request = methods(channel)[call["method"]]
    message = request.FromString(base64.b64decode(call["send"][0]["message"]))
    metadata = [
        (name, base64.b64decode(value) if name.endswith("-bin") else value)
        for name, value in call.get("metadata", [])
    ]
    timeout = call["timeout_ms"] / 1000 if "timeout_ms" in call else None
    messages, code, text = [], 0, ""
    try:
        for response in method(message, timeout=timeout, metadata=metadata):
            messages.append(base64.b64encode(response.SerializeToString()).decode())
    except grpc.RpcError as error:
        code, text = error.code().value[0], error.details()
    status = {"code": code, "message": text, "details": ""}
    return {"messages": messages, "status": status, "headers": [], "trailers": []}


for line in sys.stdin:
    asked = json.loads(line)
    if "hello" in asked:
        hello = {"protocol": 2, "implementation": "grpcio", "version": grpc.__version__}
        answer = {"hello": {**hello, "features": [], "max_in_flight": 1}}
    else:
        call = asked["call"]
        answer = {"result": {"id": call["id"], **result(call)}}
    print(json.dumps(answer), flush=True)
