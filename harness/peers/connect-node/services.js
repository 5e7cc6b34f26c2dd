// The services.

import { Code, ConnectError } from "@connectrpc/connect";

import { findOutliers } from "../node/detect.js";
import {
  fibonacci,
  MAXIMUM_COUNT,
  outOfRangeMessage,
} from "../node/fibonacci.js";
import { FibonacciService } from "./gen/fibonacci_pb.js";
import { Outliers } from "./gen/outliers_pb.js";
import { TestService } from "./gen/testing_pb.js";
import { testService } from "./test-service.js";

export function routes(router) {
  router
    .service(Outliers, { detect })
    .service(FibonacciService, { getSequence, streamSequence })
    .service(TestService, testService);
}

function detect({ metrics }) {
  const values = Float64Array.from(metrics, ({ value }) => value);
  return { indices: findOutliers(values) };
}

function getSequence({ count }) {
  if (count > MAXIMUM_COUNT) {
    throw outOfRange(count);
  }
  return { element: [...fibonacci(count)] };
}

async function* streamSequence({ count }, context) {
  const most = count < MAXIMUM_COUNT ? count : MAXIMUM_COUNT;
  let position = 0n;
  for (const element of fibonacci(most)) {
    // Nothing else ends a handler whose deadline has passed.
    context.signal.throwIfAborted();
    yield { element, count: position++ };
  }
  if (count > MAXIMUM_COUNT) {
    throw outOfRange(count);
  }
}

function outOfRange(count) {
  return new ConnectError(outOfRangeMessage(count), Code.OutOfRange);
}
