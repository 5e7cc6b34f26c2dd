// Serves the services with @connectrpc/connect-node over Node's http2, by the gRPC
// protocol alone.

import { readFileSync } from "node:fs";
import http2 from "node:http2";

import { connectNodeAdapter } from "@connectrpc/connect-node";

import {
  announce,
  cannotListen,
  onStop,
  serverArguments,
} from "../node/command-line.js";
import { directionsInterceptor } from "./directions.js";
import { routes } from "./services.js";

// By its path, because the package does not export it.
const { version } = JSON.parse(
  readFileSync(
    new URL(
      "node_modules/@connectrpc/connect-node/package.json",
      import.meta.url,
    ),
  ),
);
const { host, port, tls } = serverArguments();

const serve = connectNodeAdapter({
  routes,
  interceptors: [directionsInterceptor],
  connect: false,
  grpcWeb: false,
});
const server = tls
  ? http2.createSecureServer(
      {
        cert: tls.cert,
        key: tls.key,
        ca: tls.clientCa,
        requestCert: tls.clientCa !== undefined,
      },
      serve,
    )
  : http2.createServer(serve);

const sessions = new Set();
server.on("session", (session) => {
  sessions.add(session);
  session.on("close", () => sessions.delete(session));
});
server.on("error", (error) => cannotListen(host, port, error));
// Node takes an IPv6 address without its brackets.
server.listen(port, host.replace(/^\[(.*)\]$/, "$1"), () => {
  announce(host, server.address().port, "connect-node", version);
});

onStop(() => {
  server.close(() => process.exit(0));
  sessions.forEach((session) => session.close());
});
