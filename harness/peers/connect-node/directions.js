// Lets a request say, by its metadata, how the server answers it: docs/peer-protocol.md
// lists the entries. An interceptor does what they say, so that the services know nothing
// of it.

import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, encodeBinaryHeader } from "@connectrpc/connect";

import { DirectionError, padded, readDirections } from "../node/entries.js";
import { delay } from "./delay.js";
import { append, entriesOf } from "./metadata.js";

export const directionsInterceptor = (next) => async (request) => {
  const directions = refusing(() =>
    readDirections(entriesOf(request.header, "x-crosswire-")),
  );
  const response = await next(request).catch(async (reason) => {
    await delay(directions.delayMs, request.signal);
    // Without a response there are no trailers but the error's, which have no details.
    const error = ConnectError.from(directedError(directions) ?? reason);
    append(error.metadata, directions.trailer);
    throw error;
  });
  append(response.header, directions.header);
  append(response.trailer, directions.trailer);
  const prepare = async (message) => {
    await delay(directions.delayMs, request.signal);
    return pad(response.method.output, message, directions.size);
  };
  if (response.stream) {
    return {
      ...response,
      message: directedStream(response, prepare, directions, request.signal),
    };
  }
  const message = await prepare(response.message);
  end(directions, response.trailer);
  return { ...response, message };
};

async function* directedStream(
  { message, trailer },
  prepare,
  directions,
  signal,
) {
  for await (const each of withoutReplaced(message, directions, signal)) {
    yield await prepare(each);
  }
  end(directions, trailer);
}

// The messages without the handler's error, if the directed end takes its place: not that of
// a call that is over.
async function* withoutReplaced(messages, { code, panic }, signal) {
  try {
    yield* messages;
  } catch (error) {
    if (signal.aborted || (code === undefined && panic === undefined)) {
      throw error;
    }
  }
}

// Throws, unless the call ends with the handler's own status.
function end(directions, trailer) {
  const error = directedError(directions);
  if (error === undefined) {
    return;
  }
  if (directions.details !== undefined) {
    // As it is: the details of a ConnectError would be written anew.
    trailer.set(
      "grpc-status-details-bin",
      encodeBinaryHeader(directions.details),
    );
  }
  throw error;
}

// The status that is directed; undefined: the call ends with the handler's own.
function directedError({ code, message, panic }) {
  if (panic !== undefined) {
    throw new Error(panic);
  }
  return code > 0 ? new ConnectError(message, code) : undefined;
}

// What the type does not know is kept and sent.
function pad(schema, message, size) {
  if (size === 0) {
    return message;
  }
  const bytes = toBinary(schema, message);
  return refusing(() => fromBinary(schema, padded(bytes, size)));
}

function refusing(work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof DirectionError) {
      throw new ConnectError(error.message, Code.InvalidArgument);
    }
    throw error;
  }
}
