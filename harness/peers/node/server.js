// Serves the services with @grpc/grpc-js.

import { createRequire } from "node:module";

import grpc from "@grpc/grpc-js";

import {
  announce,
  cannotListen,
  onStop,
  serverArguments,
} from "./command-line.js";
import { directionsInterceptor } from "./directions.js";
import { addServices } from "./services.js";

const { version } = createRequire(import.meta.url)(
  "@grpc/grpc-js/package.json",
);
const { host, port, tls } = serverArguments();

const server = new grpc.Server({ interceptors: [directionsInterceptor] });
addServices(server);
server.bindAsync(`${host}:${port}`, credentials(), (error, boundPort) => {
  if (error) {
    cannotListen(host, port, error);
  }
  announce(host, boundPort, "grpc-js", version);
});

onStop(() => server.tryShutdown(() => process.exit(0)));

function credentials() {
  if (tls === undefined) {
    return grpc.ServerCredentials.createInsecure();
  }
  return grpc.ServerCredentials.createSsl(
    tls.clientCa ?? null,
    [{ cert_chain: tls.cert, private_key: tls.key }],
    tls.clientCa !== undefined,
  );
}
