// What a server is told on its command line, and how it begins and ends.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

const EXIT_USAGE = 2;

const USAGE = `usage: server.js --listen HOST:PORT [--tls-cert FILE --tls-key FILE [--tls-client-ca FILE]]`;

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
    const tls = cert && {
      cert: readFileSync(cert),
      key: readFileSync(key),
      clientCa: clientCa && readFileSync(clientCa),
    };
    return { host, port: Number(port), tls };
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    process.exit(EXIT_USAGE);
  }
}

/** Tells the harness where the server listens, and who serves there. */
export function announce(host, port, implementation, version) {
  const address = `${host}:${port}`;
  console.log(JSON.stringify({ ready: { address, implementation, version } }));
}

/** Calls `stop` once, at SIGTERM or at the end of stdin. */
export function onStop(stop) {
  let isStopping = false;
  const stopOnce = () => {
    if (!isStopping) {
      isStopping = true;
      stop();
    }
  };
  process.on("SIGTERM", stopOnce);
  process.stdin.on("end", stopOnce).on("error", stopOnce).resume();
}
