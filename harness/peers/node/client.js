// Makes calls with @grpc/grpc-js, as docs/peer-protocol.md has them: JSON lines on stdin,
// answers on stdout.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

import { makeCall } from "./call.js";
import { Connections } from "./connections.js";
import { UnsupportedError } from "./steps.js";

const { version } = createRequire(import.meta.url)(
  "@grpc/grpc-js/package.json",
);

const HELLO = {
  protocol: 2,
  implementation: "grpc-js",
  version,
  features: [
    "addresses",
    "bidi",
    "cancel",
    "client-streaming",
    "close",
    "gzip",
    "ipv6",
    "keepalive",
    "mixed-compression",
    "raw",
    "service-config",
    "size-limit",
    "slow",
    "test-service",
    "tls",
    "unix",
  ],
  max_in_flight: 256,
};

if (process.argv.length !== 3 || process.argv[2] !== "drive") {
  console.error("usage: client.js drive");
  process.exit(2);
}

const connections = new Connections();
const inFlight = new Set();

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { hello, call, close } = parse(line);
    if (hello) {
      write({ hello: HELLO });
    } else if (call) {
      const answered = answer(call).finally(() => inFlight.delete(answered));
      inFlight.add(answered);
    } else if (close) {
      connections.close(close.target);
    } else {
      console.error(`neither hello nor a call nor a close: ${line}`);
    }
  })
  .on("close", async () => {
    await Promise.all(inFlight);
    // A pipe holds 64 KiB: what its reader has not taken yet would go with the process.
    process.stdout.end(() => process.exit(0));
  });

function parse(line) {
  try {
    return JSON.parse(line) ?? {};
  } catch {
    return {};
  }
}

// A call without an answer would look like a server that hangs.
async function answer(call) {
  try {
    const connection = connections.to(call.target, call.tls, call.channel);
    const result = await makeCall(call, connection);
    write({ result: { id: call.id, ...result } });
  } catch (error) {
    const why =
      error instanceof UnsupportedError
        ? error.message
        : `the client failed: ${error.stack}`;
    write({ unsupported: { id: call.id, why } });
  }
}

function write(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
