// Lets a request say, by its metadata, how the server answers it: docs/peer-protocol.md
// lists the entries. An interceptor does what they say, so that the services know nothing
// of it.

import grpc from "@grpc/grpc-js";

import { DirectionError, padded, readDirections } from "./entries.js";
import { entriesOf, metadataOf } from "./metadata.js";

/** Answers a call as it directs. */
export function directionsInterceptor(method, call) {
  let directions = readDirections([]);
  let timer;
  let isOver = false;
  let hasMessage = false;

  // Without a delay at once: a turn of the event loop would change the order of things.
  const wait = (next) => {
    if (directions.delayMs === 0) {
      next();
    } else {
      timer = setTimeout(next, directions.delayMs);
    }
  };

  const refuse = (error) => {
    if (!(error instanceof DirectionError)) {
      throw error;
    }
    isOver = true;
    call.sendStatus({
      code: grpc.status.INVALID_ARGUMENT,
      details: error.message,
      metadata: null,
    });
  };

  const receiver = {
    onReceiveMetadata(received, next) {
      try {
        directions = readDirections(entriesOf(received));
      } catch (error) {
        refuse(error);
        return;
      }
      if (directions.header.length > 0) {
        call.sendMetadata(metadataOf(directions.header));
      }
      next(received);
    },
    onCancel() {
      isOver = true;
      clearTimeout(timer);
    },
  };

  return new grpc.ServerInterceptingCall(call, {
    start: (next) => next(receiver),
    sendMessage(message, next) {
      hasMessage = true;
      wait(() => {
        if (isOver) {
          return;
        }
        if (!method.responseStream && directions.code > grpc.status.OK) {
          isOver = true;
          call.sendStatus(directedStatus(directions));
          return;
        }
        try {
          next(
            directions.size === 0
              ? message
              : padded(method.responseSerialize(message), directions.size),
          );
        } catch (error) {
          refuse(error);
        }
      });
    },
    sendStatus(status, next) {
      // A unary call without a message cannot end with OK, even if it is directed to.
      const isReplaced =
        directions.code !== undefined &&
        directions.panic === undefined &&
        (directions.code > grpc.status.OK ||
          method.responseStream ||
          status.code === grpc.status.OK);
      const metadata = status.metadata ?? new grpc.Metadata();
      metadata.merge(metadataOf(directions.trailer));
      const end = () =>
        next(isReplaced ? directedStatus(directions) : { ...status, metadata });
      if (hasMessage) {
        end();
      } else {
        wait(end);
      }
    },
  });
}

function directedStatus({ code, message, details, trailer }) {
  const metadata = metadataOf(trailer);
  if (details !== undefined) {
    metadata.add("grpc-status-details-bin", details);
  }
  return { code, details: message, metadata };
}

/**
 * The handlers, which fail as a bug would where the request says so: by an exception where
 * they would end the call. An interceptor's would not be theirs.
 */
export function directed(handlers) {
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [name, failing(handler)]),
  );
}

function failing(handler) {
  return (call, callback) => {
    const { panic } = readDirections(entriesOf(call.metadata));
    if (panic === undefined) {
      return handler(call, callback);
    }
    const fail = () => {
      throw new Error(panic);
    };
    call.end = fail;
    return handler(call, fail);
  };
}

/** The service, whose responses may be serialized and padded already. */
export function paddable(service) {
  return Object.fromEntries(
    Object.entries(service).map(([name, method]) => [
      name,
      {
        ...method,
        responseSerialize: (response) =>
          Buffer.isBuffer(response)
            ? response
            : method.responseSerialize(response),
      },
    ]),
  );
}
