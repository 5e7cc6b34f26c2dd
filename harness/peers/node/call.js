// One call: from the fields of its line to those of its result. It only observes; the
// harness judges.

import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { entriesOf, metadataOf } from "./metadata.js";
import { packageDefinition } from "./protos.js";

const DETAILS = "grpc-status-details-bin";

// A server on loopback that listens is connected to within milliseconds.
const CONNECT_MS = 5000;

/** The call cannot be made; the text says why. */
export class UnsupportedError extends Error {}

export async function makeCall(fields, connection) {
  const call = {
    method: method(fields),
    request: Buffer.from(fields.request, "base64"),
    metadata: metadataOf(fromBase64(fields.metadata ?? [])),
    options: {
      deadline: fields.timeout_ms && Date.now() + fields.timeout_ms,
    },
    cancelAfter: fields.cancel_after_messages,
    readDelayMs: fields.read_delay_ms,
  };
  const channel = connection.channel(fields.compression);
  if (call.cancelAfter === 0) {
    // A call that is cancelled before there is a connection never leaves.
    await ready(channel, call.options.deadline);
  }
  const isStream = call.method.responseStream || call.readDelayMs !== undefined;
  return isStream ? stream(call, channel) : unary(call, channel);
}

async function ready({ client }, deadline) {
  const waitForReady = promisify(client.waitForReady).bind(client);
  const limit = Math.min(deadline ?? Infinity, Date.now() + CONNECT_MS);
  // The call itself tells best what comes of it.
  await waitForReady(limit).catch(() => {});
}

/** How the method is called: by its stub, or with the bytes as they are. */
function method({ method, raw }) {
  const path = `/${method}`;
  if (raw) {
    const asItIs = (bytes) => bytes;
    return {
      path,
      responseStream: true,
      requestSerialize: asItIs,
      requestDeserialize: asItIs,
      responseSerialize: asItIs,
      responseDeserialize: asItIs,
    };
  }
  const [service, name] = method.split("/");
  const definition = packageDefinition[service]?.[name];
  if (definition === undefined) {
    throw new UnsupportedError(`no stub for ${method}`);
  }
  return { ...definition, service, name };
}

function unary(call, channel) {
  const stub = channel.stubs[call.method.service];
  return new Promise((resolve) => {
    const result = new Result(call.method);
    const request = call.method.requestDeserialize(call.request);
    const emitter = stub[call.method.name](
      request,
      call.metadata,
      call.options,
      (error, response) => {
        if (error) {
          result.end(error);
        } else {
          result.add(response);
        }
      },
    );
    emitter.on("metadata", (metadata) => result.begin(metadata));
    // The error has the last word: it may be that OK came without a message.
    emitter.on("status", (status) => {
      result.end(status);
      resolve(result.fields);
    });
    if (call.cancelAfter === 0) {
      emitter.cancel();
    }
  });
}

async function stream(call, channel) {
  const result = new Result(call.method);
  const messages = start(call, channel);
  messages.on("metadata", (metadata) => result.begin(metadata));
  const isOver = new Promise((resolve) => {
    messages.on("status", (status) => {
      result.end(status);
      resolve();
    });
  });
  // The status says it all, but an error without a listener would end the process.
  messages.on("error", () => {});
  await readInto(result, messages, call, isOver);
  await isOver;
  return result.fields;
}

// What is no stream is called as one where the reader is slow: a unary stub asks for the
// message at once. The wire does not differ.
function start({ method, request, metadata, options }, { client, stubs }) {
  const parsed = method.requestDeserialize(request);
  if (method.responseStream && method.service !== undefined) {
    return stubs[method.service][method.name](parsed, metadata, options);
  }
  return client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    parsed,
    metadata,
    options,
  );
}

async function readInto(
  result,
  messages,
  { cancelAfter, readDelayMs },
  isOver,
) {
  const iterator = messages[Symbol.asyncIterator]();
  for (let count = 0; count !== cancelAfter; count++) {
    if (readDelayMs !== undefined) {
      await Promise.race([sleep(readDelayMs), isOver]);
    }
    const { done, value } = await iterator.next().catch(() => ({ done: true }));
    if (done) {
      return;
    }
    result.add(value);
  }
  messages.cancel();
}

/** What the harness is told of a call. */
class Result {
  #method;
  #isOver = false;

  constructor(method) {
    this.#method = method;
    this.fields = { messages: [], status: {}, headers: [], trailers: [] };
  }

  begin(metadata) {
    this.fields.headers = toBase64(entriesOf(metadata));
  }

  add(message) {
    const bytes = this.#method.responseSerialize(message);
    this.fields.messages.push(bytes.toString("base64"));
  }

  /** The first of the statuses that a call is given counts. */
  end({ code, details, metadata }) {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.fields.status = {
      code: code ?? null,
      message: details ?? "",
      details: metadata.get(DETAILS).at(-1)?.toString("base64") ?? "",
    };
    this.fields.trailers = toBase64(entriesOf(metadata));
  }
}

function fromBase64(pairs) {
  return pairs.map(([name, value]) => [
    name,
    name.endsWith("-bin") ? Buffer.from(value, "base64") : value,
  ]);
}

function toBase64(entries) {
  return entries.map(([name, value]) => [
    name,
    Buffer.isBuffer(value) ? value.toString("base64") : value,
  ]);
}
