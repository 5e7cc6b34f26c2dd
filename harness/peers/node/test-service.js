// grpc.testing.TestService: docs/contract.md (TEST-*) says what it answers. grpc-js neither
// compresses responses nor tells how a request came: what requests say of it is passed over.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

import grpc from "@grpc/grpc-js";

const ECHO_INITIAL = "x-grpc-test-echo-initial";
const ECHO_TRAILING = "x-grpc-test-echo-trailing-bin";

const MAXIMUM_SIZE_BYTES = 64 * 2 ** 20;

/** The handlers; UnimplementedCall has none. */
export const testService = {
  EmptyCall: unary(() => ({})),
  UnaryCall: unary(answer),
  CacheableUnaryCall: unary(answer),
  StreamingOutputCall: streamed(async (call, signal) => {
    await respond(call.request, call, signal);
  }),
  StreamingInputCall: streamed(async (call) => {
    let size = 0;
    for await (const { payload } of requestsOf(call)) {
      size += payload?.body?.length ?? 0;
    }
    // protobufjs would write the 0, too.
    return { aggregated_payload_size: size || undefined };
  }),
  FullDuplexCall: streamed(async (call, signal) => {
    for await (const request of requestsOf(call)) {
      await respond(request, call, signal);
    }
  }),
  HalfDuplexCall: streamed(async (call, signal) => {
    const requests = [];
    for await (const request of requestsOf(call)) {
      requests.push(request);
    }
    for (const request of requests) {
      await respond(request, call, signal);
    }
  }),
};

/** The call is to end with this status. */
class StatusError extends Error {
  constructor(code, details) {
    super(details);
    this.code = code;
    this.details = details;
  }
}

/** The handler of a call of one request and one response, which is what `work` returns. */
function unary(work) {
  return (call, callback) => {
    const { initial, trailing } = echoOf(call);
    if (initial.get(ECHO_INITIAL).length > 0) {
      call.sendMetadata(initial);
    }
    try {
      callback(null, work(call.request), trailing);
    } catch (error) {
      callback(error, null, trailing);
    }
  };
}

/**
 * The handler of a call with a stream. Of one whose requests are one, `converse` returns the
 * only response, which the callback takes.
 */
function streamed(converse) {
  return async (call, callback) => {
    const { initial, trailing } = echoOf(call);
    const over = new AbortController();
    call.on("cancelled", () => over.abort());
    call.sendMetadata(initial);
    try {
      const response = await converse(call, over.signal);
      if (callback) {
        callback(null, response, trailing);
      } else {
        call.end(trailing);
      }
    } catch (error) {
      // Nobody hears the end of a call that is over.
      if (!over.signal.aborted) {
        fail(call, callback, error, trailing);
      }
    }
  };
}

function fail(call, callback, error, trailing) {
  if (callback) {
    callback(error, null, trailing);
  } else {
    call.emit("error", Object.assign(error, { metadata: trailing }));
  }
}

/** What of the request's metadata is sent back. */
function echoOf({ metadata }) {
  return {
    initial: only(ECHO_INITIAL, metadata),
    trailing: only(ECHO_TRAILING, metadata),
  };
}

function only(name, metadata) {
  const found = new grpc.Metadata();
  metadata.get(name).forEach((value) => found.add(name, value));
  return found;
}

/** The requests as they come. The stream goes on after the last, for the responses. */
function requestsOf(call) {
  return call.iterator({ destroyOnReturn: false });
}

function answer({ response_size: size, response_status: status }) {
  refuse(status);
  return { payload: payloadOf(size) };
}

/** Sends the responses that a request asks for, as fast as they are taken. */
async function respond(request, call, signal) {
  refuse(request.response_status);
  for (const { size, interval_us: intervalUs } of request.response_parameters) {
    if (intervalUs > 0) {
      await sleep(intervalUs / 1000, undefined, { signal });
    }
    signal.throwIfAborted();
    if (!call.write({ payload: payloadOf(size) })) {
      await once(call, "drain", { signal });
    }
  }
}

/** Throws if the request says that the call ends. */
function refuse({ code = 0, message = "" } = {}) {
  if (code !== 0) {
    throw new StatusError(code, message);
  }
}

function payloadOf(size = 0) {
  if (size < 0 || size > MAXIMUM_SIZE_BYTES) {
    throw new StatusError(
      grpc.status.INVALID_ARGUMENT,
      `no payload has ${size} bytes here: from 0 to ${MAXIMUM_SIZE_BYTES}`,
    );
  }
  // protobufjs would write an empty body, too.
  return size === 0 ? {} : { body: Buffer.alloc(size) };
}
