// What comes of a call, as it comes, and what the harness is told of it in the end.

import { EventEmitter, once } from "node:events";

import { entriesOf } from "./metadata.js";

const DETAILS = "grpc-status-details-bin";

export class Result {
  #method;
  #over = new AbortController();
  #news = new EventEmitter();

  constructor(method) {
    this.#method = method;
    this.hasBegun = false;
    this.fields = {
      steps: 0,
      messages: [],
      status: {},
      headers: [],
      trailers: [],
    };
  }

  /** Aborted when the call is over. */
  get signal() {
    return this.#over.signal;
  }

  /** How many messages have come. */
  get count() {
    return this.fields.messages.length;
  }

  /** Waits until it is so; throws if the call ends before. */
  async until(isSo) {
    while (!isSo()) {
      await once(this.#news, "news", { signal: this.signal });
    }
  }

  countStep() {
    this.fields.steps++;
  }

  begin(metadata) {
    this.hasBegun = true;
    this.fields.headers = toBase64(entriesOf(metadata));
    this.#news.emit("news");
  }

  add(message) {
    const bytes = this.#method.responseSerialize(message);
    this.fields.messages.push(bytes.toString("base64"));
    this.#news.emit("news");
  }

  /** The first of the statuses that a call is given counts. */
  end({ code, details, metadata }) {
    if (this.signal.aborted) {
      return;
    }
    this.fields.status = {
      code: code ?? null,
      message: details ?? "",
      details: metadata.get(DETAILS).at(-1)?.toString("base64") ?? "",
    };
    this.fields.trailers = toBase64(entriesOf(metadata));
    if (code !== 0 && !this.#method.responseStream) {
      // What is no stream has failed as a whole, although it was read as one.
      this.fields.messages = [];
    }
    this.#over.abort();
  }
}

function toBase64(entries) {
  return entries.map(([name, value]) => [
    name,
    Buffer.isBuffer(value) ? value.toString("base64") : value,
  ]);
}
