// The connections of the client's calls: one for each server, and each way to reach it.

import { readFileSync } from "node:fs";

import grpc from "@grpc/grpc-js";

import { canonical, channelOf } from "./channel-options.js";
import { packageDefinition } from "./protos.js";

const {
  pb,
  FibonacciService,
  grpc: { testing },
} = grpc.loadPackageDefinition(packageDefinition);

const STUBS = {
  "pb.Outliers": pb.Outliers,
  FibonacciService,
  "grpc.testing.TestService": testing.TestService,
  "grpc.testing.UnimplementedService": testing.UnimplementedService,
};

const OPTIONS = {
  // Calls over loopback must not travel through the proxy that http_proxy names.
  "grpc.enable_http_proxy": 0,
  // Who is closed must not leave its connection open for a channel with the same options.
  "grpc.use_local_subchannel_pool": 1,
  // What it keeps for a retry it takes without waiting, and copies with each message: 1 MiB of
  // small ones takes it half a minute.
  "grpc.per_rpc_retry_buffer_size": 64 * 1024,
};

export class Connections {
  #open = new Map();

  /** The connection to the target, which is made on first use. */
  to(target, tls, channel) {
    const variants = this.#open.get(target) ?? new Map();
    this.#open.set(target, variants);
    const key = canonical([tls, channel]);
    if (!variants.has(key)) {
      variants.set(key, new Connection(channelOf(target, tls, channel), tls));
    }
    return variants.get(key);
  }

  /** Closes all that there are to the target, and forgets them. */
  close(target) {
    this.#open.get(target)?.forEach((connection) => connection.close());
    this.#open.delete(target);
  }
}

/**
 * A channel, which is one HTTP/2 connection unless it is told otherwise, and beside it, once a
 * request is to be compressed, another one: in grpc-js compression is an option of the channel.
 */
class Connection {
  #open;
  #channels = new Map();

  constructor({ target, options }, tls) {
    const credentials =
      tls === undefined
        ? grpc.credentials.createInsecure()
        : grpc.credentials.createSsl(
            read(tls.ca),
            read(tls.key),
            read(tls.certificate),
          );
    this.#open = (compression) =>
      new Channel(target, credentials, {
        ...OPTIONS,
        ...options,
        ...compression,
      });
  }

  channel(compression) {
    if (!this.#channels.has(compression)) {
      const options = compression && {
        "grpc.default_compression_algorithm":
          grpc.compressionAlgorithms[compression],
      };
      this.#channels.set(compression, this.#open(options));
    }
    return this.#channels.get(compression);
  }

  close() {
    this.#channels.forEach((channel) => channel.client.close());
  }
}

class Channel {
  constructor(target, credentials, options) {
    this.client = new grpc.Client(target, credentials, options);
    const shared = { channelOverride: this.client.getChannel() };
    this.stubs = Object.fromEntries(
      Object.entries(STUBS).map(([service, Stub]) => [
        service,
        new Stub(target, credentials, shared),
      ]),
    );
  }
}

function read(file) {
  return file === undefined ? null : readFileSync(file);
}
