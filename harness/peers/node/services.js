// The two services; the test service and reflection beside them.

import { once } from "node:events";

import grpc from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";

import { findOutliers } from "./detect.js";
import { directed, paddable } from "./directions.js";
import { fibonacci, MAXIMUM_COUNT, outOfRangeMessage } from "./fibonacci.js";
import { packageDefinition } from "./protos.js";
import { testService } from "./test-service.js";

const SERVICES = {
  "pb.Outliers": { Detect: detect },
  FibonacciService: {
    GetSequence: getSequence,
    StreamSequence: streamSequence,
  },
  "grpc.testing.TestService": testService,
};

export function addServices(server) {
  for (const [name, handlers] of Object.entries(SERVICES)) {
    server.addService(paddable(packageDefinition[name]), directed(handlers));
  }
  const services = Object.keys(SERVICES);
  new ReflectionService(packageDefinition, { services }).addToServer(server);
}

function detect(call, callback) {
  const values = Float64Array.from(
    call.request.metrics,
    ({ value }) => value ?? 0,
  );
  callback(null, { indices: findOutliers(values) });
}

function getSequence(call, callback) {
  const count = BigInt(call.request.count ?? 0);
  if (count > MAXIMUM_COUNT) {
    callback(outOfRange(count));
    return;
  }
  callback(null, { element: [...fibonacci(count)].map(String) });
}

async function streamSequence(call) {
  const count = BigInt(call.request.count ?? 0);
  const most = count < MAXIMUM_COUNT ? count : MAXIMUM_COUNT;
  let position = 0;
  for (const element of fibonacci(most)) {
    if (call.cancelled) {
      return;
    }
    const hasRoom = call.write({ element: String(element), count: position++ });
    if (!hasRoom) {
      await once(call, "drain");
    }
  }
  if (count > MAXIMUM_COUNT) {
    call.emit("error", outOfRange(count));
  } else {
    call.end();
  }
}

function outOfRange(count) {
  return { code: grpc.status.OUT_OF_RANGE, details: outOfRangeMessage(count) };
}
