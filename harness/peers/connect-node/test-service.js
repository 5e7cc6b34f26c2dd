// grpc.testing.TestService: docs/contract.md (TEST-*) says what it answers. Connect compresses
// responses by their sizes and tells of no message how it came: what requests say of it is
// passed over. It sends the initial metadata of a stream with the first message.

import { Code, ConnectError } from "@connectrpc/connect";

import { delay } from "./delay.js";
import { append, entriesOf } from "./metadata.js";

const ECHO_INITIAL = "x-grpc-test-echo-initial";
const ECHO_TRAILING = "x-grpc-test-echo-trailing-bin";

const MAXIMUM_SIZE_BYTES = 64 * 2 ** 20;

/** The handlers; UnimplementedCall has none. */
export const testService = echoing({
  emptyCall: () => ({}),
  unaryCall,
  cacheableUnaryCall: unaryCall,
  streamingOutputCall: respond,
  streamingInputCall,
  fullDuplexCall,
  halfDuplexCall,
});

function unaryCall({ responseSize, responseStatus }) {
  endIfAsked(responseStatus);
  return { payload: zeros(responseSize) };
}

async function streamingInputCall(requests) {
  let aggregatedPayloadSize = 0;
  for await (const { payload } of requests) {
    aggregatedPayloadSize += payload?.body.length ?? 0;
  }
  return { aggregatedPayloadSize };
}

async function* fullDuplexCall(requests, context) {
  for await (const request of requests) {
    yield* respond(request, context);
  }
}

async function* halfDuplexCall(requests, context) {
  const all = [];
  for await (const request of requests) {
    all.push(request);
  }
  for (const request of all) {
    yield* respond(request, context);
  }
}

async function* respond({ responseParameters, responseStatus }, { signal }) {
  endIfAsked(responseStatus);
  for (const { size, intervalUs } of responseParameters) {
    await delay(intervalUs / 1000, signal);
    // Nothing else ends a handler whose deadline has passed.
    signal.throwIfAborted();
    yield { payload: zeros(size) };
  }
}

function endIfAsked(status) {
  if (status !== undefined && status.code !== 0) {
    throw new ConnectError(status.message, status.code);
  }
}

function zeros(size) {
  if (size < 0 || size > MAXIMUM_SIZE_BYTES) {
    throw new ConnectError(
      `a payload of ${size} bytes: give 0 to ${MAXIMUM_SIZE_BYTES}`,
      Code.InvalidArgument,
    );
  }
  return { body: new Uint8Array(size) };
}

/** The handlers, which send metadata back, whatever their calls end with. */
function echoing(handlers) {
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [
      name,
      (request, context) => {
        const { requestHeader, responseHeader, responseTrailer } = context;
        append(responseHeader, entriesOf(requestHeader, ECHO_INITIAL));
        append(responseTrailer, entriesOf(requestHeader, ECHO_TRAILING));
        return handler(request, context);
      },
    ]),
  );
}
