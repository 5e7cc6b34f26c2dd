// What a server is told on its command line, and how it begins and ends.

import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { parseArgs } from "node:util";

const EXIT_USAGE = 2;

// What calls in flight are given to end by themselves.
const GRACE_MS = 1000;

const USAGE =
  "usage: server.js --listen HOST:PORT [--tls-cert FILE --tls-key FILE [--tls-client-ca FILE]]";

/**
 * The address to listen at, and the PEM files' contents; `tls` is undefined for plaintext.
 * A command line that makes no sense ends the process.
 */
export function serverArguments() {
  try {
    const { values } = parseArgs({
      options: {
        listen: { type: "string", default: "127.0.0.1:0" },
        "tls-cert": { type: "string" },
        "tls-key": { type: "string" },
        "tls-client-ca": { type: "string" },
      },
    });
    const { listen, "tls-cert": cert, "tls-key": key } = values;
    const clientCa = values["tls-client-ca"];
    const [, host, port] = listen.match(/^(.+):([0-9]{1,5})$/) ?? [];
    if (host === undefined || port > 65535) {
      throw new Error(`--listen ${listen}: not HOST:PORT`);
    }
    if ((cert === undefined) !== (key === undefined)) {
      throw new Error("--tls-cert and --tls-key go together");
    }
    if (clientCa !== undefined && cert === undefined) {
      throw new Error("--tls-client-ca needs --tls-cert and --tls-key");
    }
    const tls = cert === undefined ? undefined : readTls(cert, key, clientCa);
    return { host, port: Number(port), tls };
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    process.exit(EXIT_USAGE);
  }
}

function readTls(certFile, keyFile, clientCaFile) {
  const cert = readFileSync(certFile);
  const key = readFileSync(keyFile);
  const clientCa =
    clientCaFile === undefined ? undefined : readFileSync(clientCaFile);
  try {
    // Here a file that is no PEM is still the command line's fault.
    createSecureContext({ cert, key, ca: clientCa });
  } catch (error) {
    throw new Error(
      `cannot serve TLS with ${certFile} and ${keyFile}: ${error.message}`,
      { cause: error },
    );
  }
  return { cert, key, clientCa };
}

/** Ends the process: the address on the command line is not to be had. */
export function cannotListen(host, port, error) {
  console.error(`cannot listen at ${host}:${port}: ${error.message}`);
  process.exit(EXIT_USAGE);
}

/** Tells the harness where the server listens, and who serves there. */
export function announce(host, port, implementation, version) {
  const address = `${host}:${port}`;
  console.log(JSON.stringify({ ready: { address, implementation, version } }));
}

/**
 * Calls `stop` once, at SIGTERM or at the end of stdin: it ends the process when no call is
 * left, and if it takes too long, the process ends all the same.
 */
export function onStop(stop) {
  let isStopping = false;
  const stopOnce = () => {
    if (!isStopping) {
      isStopping = true;
      stop();
      setTimeout(() => process.exit(0), GRACE_MS);
    }
  };
  process.on("SIGTERM", stopOnce);
  process.stdin.on("end", stopOnce).on("error", stopOnce).resume();
}
