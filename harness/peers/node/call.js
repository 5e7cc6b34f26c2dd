// One call: from the fields of its line to those of its result. It only observes; the
// harness judges.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { metadataOf } from "./metadata.js";
import { packageDefinition } from "./protos.js";
import { Result } from "./result.js";
import {
  areOrdinary,
  isOneRequest,
  readSteps,
  runSteps,
  UnsupportedError,
} from "./steps.js";

// A server on loopback that listens is connected to within milliseconds.
const CONNECT_MS = 5000;

export async function makeCall(fields, connection) {
  const call = readCall(fields);
  const channel = connection.channel(fields.compression);
  if (call.cancelAfter === 0 || call.steps.at(-1).kind === "cancel") {
    // A call that is cancelled before there is a connection never leaves.
    await ready(channel, call.options.deadline);
  }
  const result = new Result(call.method);
  const rpc = start(call, channel, result);
  const isOver = once(result.signal, "abort");
  const sending = send(call, rpc, result);
  const reading = read(call, rpc, result, sending);
  await Promise.all([sending, reading, isOver]);
  return result.fields;
}

function readCall(fields) {
  const method = methodOf(fields);
  const steps = readSteps(fields.send, method.requestDeserialize);
  const call = {
    method,
    steps,
    metadata: metadataOf(fromBase64(fields.metadata ?? [])),
    options: {
      deadline: fields.timeout_ms && Date.now() + fields.timeout_ms,
    },
    cancelAfter: fields.cancel_after_messages,
    readDelayMs: fields.read_delay_ms,
  };
  if (method.isRaw) {
    method.requestStream = !isOneRequest(steps);
  } else if (!method.requestStream && !isOneRequest(steps)) {
    throw new UnsupportedError(
      `${fields.method} takes one request: a message, and a half_close`,
    );
  }
  return { ...call, isSentAsStream: isSentAsStream(call) };
}

// A stub of one request has no way to say that it goes uncompressed; a stream's has, and on
// the wire they are the same.
function isSentAsStream({ method, steps }) {
  return method.requestStream || !areOrdinary(steps);
}

// A stub of one response asks for it at once; a stream's waits for its reader, and on the
// wire they are the same.
function isReadAsStream({ method, readDelayMs }) {
  return method.responseStream || readDelayMs !== undefined;
}

async function ready({ client }, deadline) {
  const waitForReady = promisify(client.waitForReady).bind(client);
  const limit = Math.min(deadline ?? Infinity, Date.now() + CONNECT_MS);
  // The call itself tells best what comes of it.
  await waitForReady(limit).catch(() => {});
}

/** How the method is called: by its stub, or with the bytes as they are. */
function methodOf({ method, raw }) {
  const path = `/${method}`;
  if (raw) {
    const asItIs = (bytes) => bytes;
    return {
      path,
      isRaw: true,
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

function start(call, channel, result) {
  const words = [call.metadata, call.options];
  if (!call.isSentAsStream) {
    words.unshift(call.steps[0].request);
  }
  if (!isReadAsStream(call)) {
    // The error has the last word: it may be that OK came without a message.
    words.push((error, response) =>
      error ? result.end(error) : result.add(response),
    );
  }
  const rpc = opener(call, channel)(...words);
  rpc.on("metadata", (metadata) => result.begin(metadata));
  rpc.on("status", (status) => result.end(status));
  // The status says it all, but an error without a listener would end the process.
  rpc.on("error", () => {});
  return rpc;
}

/** The method of the stub, or if that will not do, the client's own for calls of that kind. */
function opener(call, { client, stubs }) {
  const { method, isSentAsStream } = call;
  const isStub =
    !method.isRaw &&
    isSentAsStream === method.requestStream &&
    isReadAsStream(call) === method.responseStream;
  if (isStub) {
    const stub = stubs[method.service];
    return stub[method.name].bind(stub);
  }
  const [ofStream, ofOne] = isReadAsStream(call)
    ? [client.makeBidiStreamRequest, client.makeServerStreamRequest]
    : [client.makeClientStreamRequest, client.makeUnaryRequest];
  return (isSentAsStream ? ofStream : ofOne).bind(
    client,
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
  );
}

async function send({ steps, isSentAsStream }, rpc, result) {
  let left = steps;
  if (!isSentAsStream) {
    // The message and the half-close are in the call already.
    result.countStep();
    result.countStep();
    left = steps.slice(2);
  }
  await runSteps(left, rpc, result);
}

async function read(call, rpc, result, sending) {
  if (call.cancelAfter === 0) {
    if (call.isSentAsStream) {
      await sending;
    }
    rpc.cancel();
  } else if (isReadAsStream(call)) {
    await readInto(result, rpc, call);
  }
}

async function readInto(result, rpc, { cancelAfter, readDelayMs }) {
  const iterator = rpc[Symbol.asyncIterator]();
  while (result.count !== cancelAfter) {
    if (readDelayMs !== undefined) {
      const { signal } = result;
      await sleep(readDelayMs, undefined, { signal }).catch(() => {});
    }
    const { done, value } = await iterator.next().catch(() => ({ done: true }));
    if (done) {
      return;
    }
    result.add(value);
  }
  rpc.cancel();
}

function fromBase64(pairs) {
  return pairs.map(([name, value]) => [
    name,
    name.endsWith("-bin") ? Buffer.from(value, "base64") : value,
  ]);
}
